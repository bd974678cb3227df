//! What ran things before, turned into runbooks: crontabs, DAGs of Dagu, jobs of Rundeck.
//!
//! Text in, texts and findings out. What has a counterpart is said in the words of the runbook language, what has none is
//! reported at its place: a step that cannot be said becomes one that fails and says why, and a runbook with such a step
//! is started by nothing until somebody has written it. Whether the runbooks pass their checks is for the checker to say.

mod crontab;
mod dagu;
mod draft;
mod report;
mod rundeck;
mod shell;
mod words;

use crate::base::ids::Name;
use crate::diagnostic::{Diagnostics, Sources};
pub use crontab::{Imported, Note, Owner, crontab};
pub use dagu::dagu;
pub use rundeck::rundeck;

/// What came of the files of another system.
#[derive(Debug, Clone, Default)]
pub struct Foreign {
    /// The texts that findings point into.
    pub sources: Sources,
    /// Names and texts of runbooks, in the order of what they were made of.
    pub runbooks: Vec<(Name, String)>,
    /// What could not be said (errors), and what is not quite as it was (warnings).
    pub findings: Diagnostics,
}
