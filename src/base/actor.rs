//! Who did it: every change carries an [`Actor`] into its event (invariant 16).

/// The door an actor came through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Via {
    /// The command line of the process that owns the data directory.
    Cli,
    /// The owner's Unix socket; the id is the peer's user.
    Socket,
    /// The HTTP API, with a token.
    Api,
    /// The engine itself: a timer, recovery, a trigger.
    Engine,
    /// A link or button of a page, or a reply to one: whoever has it acts, without logging in.
    Link,
}

impl Via {
    /// The word stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cli => "cli",
            Self::Socket => "socket",
            Self::Api => "api",
            Self::Engine => "engine",
            Self::Link => "link",
        }
    }

    /// The door of that word, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Cli, Self::Socket, Self::Api, Self::Engine, Self::Link].into_iter().find(|via| via.as_str() == text)
    }
}

/// What an actor may do, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// May look.
    Viewer,
    /// May start, cancel, approve.
    Operator,
    /// May change the book and everything else.
    Admin,
}

impl Role {
    /// Every role, least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of that word, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Who did it, through which door, with which right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A user name, a token's name, or the part of the engine.
    pub id: String,
    /// The door.
    pub via: Via,
    /// The right it came with.
    pub role: Role,
}

impl Actor {
    /// The engine acting for itself; `part` says which part.
    #[must_use]
    pub fn engine(part: &str) -> Self {
        Self { id: part.into(), via: Via::Engine, role: Role::Admin }
    }
}
