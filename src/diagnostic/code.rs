//! The codes: stable for ever, each with a manual page in `docs/codes/`.
//!
//! A code is never renumbered or reused. Ranges: 00xx YAML and keys, 01xx names and references,
//! 02xx order, 03xx expressions, 04xx templates, 05xx values, 06xx book-wide, 07xx escalation,
//! 08xx files of other systems.

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $title:literal;)*) => {
        /// What a finding is about.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[$doc])* #[doc = $title] $name),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as shown, `SL0012`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// What it is about, in one line.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// The manual page of the code, as Markdown.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Self::$name => include_str!(concat!("../../docs/codes/", $text, ".md"))),* }
            }
        }
    };
}

codes! {
    Syntax = "SL0001", "the text is not YAML";
    UnknownKey = "SL0002", "a key that does not exist here";
    DuplicateKey = "SL0003", "a key written twice";
    WrongType = "SL0004", "a value of the wrong type";
    MissingKey = "SL0005", "a key that must be there is missing";
    UnknownChoice = "SL0006", "a word that is none of the choices";
    TooLarge = "SL0007", "a limit of the language was passed";
    BadName = "SL0008", "a text that is not a name";
    Yaml11Boolean = "SL0009", "a word that older YAML read as a boolean";
    KindCount = "SL0010", "a step with no kind, or with two";
    UnsupportedYaml = "SL0011", "a part of YAML that the language leaves out";
    KeptWord = "SL0012", "a word that the language keeps for itself";
    UnknownStep = "SL0101", "the name of a step that does not exist here";
    DuplicateId = "SL0102", "two steps with one id";
    UnknownName = "SL0103", "a name that nothing defines";
    UnknownField = "SL0104", "a field that the value does not have";
    UnknownRunbook = "SL0105", "a runbook that does not exist";
    UnknownThreshold = "SL0106", "a measure that thresholds.yaml does not declare";
    UnknownSecret = "SL0107", "a secret that the runbook does not list";
    UnknownChannel = "SL0108", "a channel that stepladder.yaml does not declare";
    UnknownContact = "SL0109", "a person or rotation that escalation.yaml does not declare";
    UnknownCalendar = "SL0110", "a calendar that stepladder.yaml does not declare";
    Cycle = "SL0201", "steps that wait for one another";
    NeverTrue = "SL0202", "a condition that can never be true";
    NotBefore = "SL0203", "a mention of a step that cannot have run before";
    UnguardedOutput = "SL0204", "output of a step that may not have run";
    Unreachable = "SL0205", "a step that nothing can reach";
    ParallelNeeds = "SL0206", "order between steps that run in parallel";
    RunbookCycle = "SL0207", "runbooks that start one another";
    WaitTooLong = "SL0208", "a wait that may outlast its run";
    MutexCircle = "SL0209", "mutexes that are waited for in a circle";
    ExprSyntax = "SL0301", "an expression that does not parse";
    ExprType = "SL0302", "an expression whose types do not fit";
    ExprName = "SL0303", "a name that the expression cannot see";
    ExprSecret = "SL0304", "a secret in an expression";
    AlertSyntax = "SL0305", "the condition of an alert that does not parse";
    AlertMeasure = "SL0306", "a function of an alert over a measure it makes no sense of";
    AlertWindow = "SL0307", "an alert over a time for which no samples are kept";
    TemplateSyntax = "SL0401", "a template that does not parse";
    TemplateName = "SL0402", "a name that the template cannot see";
    TemplatePlace = "SL0403", "a template in a place where safety cannot be known";
    SecretPlace = "SL0404", "a secret where secrets may not go";
    NotTemplated = "SL0405", "a template in text that is not templated";
    OutsideValue = "SL0406", "a value from outside in a place that needs an allow list";
    BadDuration = "SL0501", "a text that is not a length of time";
    BadCron = "SL0502", "a cron expression that does not parse or never fires";
    BadZone = "SL0503", "a time zone that does not exist";
    BadNumber = "SL0504", "a number out of bounds";
    BadUnit = "SL0505", "units that do not fit";
    BadBand = "SL0506", "a threshold band that does not parse";
    BadDate = "SL0507", "a text that is not a date or time";
    BadPattern = "SL0508", "a regular expression or glob that does not parse";
    BadDefault = "SL0509", "a default that its own input would refuse";
    BadSize = "SL0510", "a text that is not an amount of bytes";
    BadUrl = "SL0511", "a text that is not a URL";
    BadAddress = "SL0512", "a text that is not an address of mail, a host or a path";
    NoBook = "SL0601", "no book here";
    UnreadableFile = "SL0602", "a file that cannot be read";
    DuplicateRunbook = "SL0603", "two runbooks with one name";
    OpenWebhook = "SL0604", "a webhook that anybody may call";
    NoIncident = "SL0605", "a triggered runbook whose failures tell nobody";
    ConfirmUnattended = "SL0606", "a question in a run with nobody to answer";
    NoDeadMan = "SL0607", "an escalation that nobody would miss";
    FileName = "SL0608", "a runbook in a file of another name";
    NearName = "SL0609", "a word one letter away from one that is used elsewhere";
    SamePath = "SL0612", "two webhooks with one path";
    NobodyTold = "SL0701", "a severity in which nobody is told in time";
    NoCatchAll = "SL0702", "a ladder without a catch-all";
    NoAddress = "SL0703", "a person without an address for a channel";
    RouteOrder = "SL0704", "routes of which the last does not match everything";
    BadPhone = "SL0705", "a telephone number that cannot be dialled";
    EmptyLevel = "SL0706", "a level with nobody on it at some time of the next 90 days";
    NeverUsed = "SL0707", "a route, rule or channel of the ladder whose turn never comes";
    OneProvider = "SL0708", "a ladder that reaches everybody through one provider";
    TurnsShift = "SL0709", "members of a rotation that change where its `since` does not";
    QuietTooLong = "SL0710", "quiet hours in which nobody is told in time";
    StandInTwice = "SL0711", "two people who stand in at the same time";
    TwoLadders = "SL0712", "two files that are both the ladder";
    NobodyApproves = "SL0713", "an approval that can hardly be given, or not at all";
    ImportLost = "SL0801", "a part of another system's file that no runbook says";
    ImportDiffers = "SL0802", "a part of another system's file that is done otherwise here";
}
