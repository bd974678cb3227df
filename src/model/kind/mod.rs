//! The kinds that `act` performs, one file each: the row of the table that decoder, schema, checker
//! and manual read. A new kind is a variant here, its row, and its file in `act`; the compiler leads.

use crate::model::shape::KindSpec;

mod shell;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident => $spec:expr;)*) => {
        /// A kind of step that touches the outside world.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $name),* }

        impl Kind {
            /// Every kind, in the order of the manual.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Its row in the table.
            #[must_use]
            pub fn spec(self) -> &'static KindSpec {
                match self { $(Self::$name => &$spec),* }
            }
        }
    };
}

kinds! {
    /// `shell:` a shell line.
    Shell => shell::SHELL;
    /// `exec:` an argument vector.
    Exec => shell::EXEC;
    /// `script:` a script for a named interpreter.
    Script => shell::SCRIPT;
}

impl Kind {
    /// The key that chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.spec().name
    }

    /// The kind of that key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == text)
    }
}
