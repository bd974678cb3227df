//! Every limit that is not a setting, with its reason. `docs/limits.md` is made from this table.

/// One limit: its name in messages, its value, and why it is that.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// The name a message uses.
    pub name: &'static str,
    /// How much is allowed.
    pub value: usize,
    /// Why this much.
    pub why: &'static str,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $const:ident = $value:expr, $name:literal, $why:literal;)*) => {
        $($(#[$doc])* pub const $const: usize = $value;)*
        /// All of them, for the generated table.
        pub const ALL: &[Limit] = &[$(Limit { name: $name, value: $const, why: $why }),*];
    };
}

limits! {
    /// By how much the wall clock is set before anybody minds, in milliseconds.
    CLOCK_SET = 500, "milliseconds by which the wall clock is set unnoticed", "what keeps clocks right sets them by more, or slews, which moves both clocks; smaller ones add up until they are seen";
    /// Longest file of a book, in bytes.
    MAX_FILE = 1024 * 1024, "bytes of one file", "a runbook is written by people; a megabyte is a mistake or an attack";
    /// Nodes of one YAML document after aliases are expanded.
    MAX_NODES = 50_000, "nodes of one document, aliases expanded", "a billion-laughs document stays under a millisecond of work";
    /// Depth of one YAML document.
    MAX_DEPTH = 64, "depth of one document", "deeper than any group nesting that a person can follow";
    /// Steps of one runbook, groups included.
    MAX_STEPS = 1_000, "steps of one runbook", "a graph that no terminal can show is no runbook";
    /// Depth of groups in groups.
    MAX_NESTING = 8, "groups within groups", "eight indents of YAML are past reading";
    /// Items of one `foreach`.
    MAX_ITEMS = 4_000, "items of one foreach", "each is an event, and those that never start end in one batch";
    /// Bytes of one expression.
    MAX_EXPR = 4 * 1024, "bytes of one expression", "a person wrote it; a page is generous";
    /// Operations one expression may take.
    MAX_EXPR_OPERATIONS = 100_000, "operations of one expression", "a tenth of a second at worst";
    /// Depth of one expression.
    MAX_EXPR_NESTING = 64, "parts within parts of one expression", "past that nobody reads it, and recursion stays small";
    /// Memory of one compiled regular expression, in bytes.
    MAX_PATTERN = 1024 * 1024, "bytes of one compiled regular expression", "a person's pattern takes a fraction of it";
    /// Blocks within blocks of one template.
    MAX_BLOCKS = 16, "blocks within blocks of one template", "a page has fewer indents";
    /// Parentheses within parentheses of one tag of a template.
    MAX_GROUPS = 8, "parentheses within parentheses of one tag", "templates do not compute";
    /// Pieces of one rendered text.
    MAX_PIECES = 1_000_000, "pieces of one rendered text", "a loop within a loop within a loop, over lists from outside";
    /// Bytes of one template.
    MAX_TEMPLATE = 256 * 1024, "bytes of one template", "reports are long, scripts are not templates";
    /// Bytes of one rendered text.
    MAX_RENDERED = 1024 * 1024, "bytes of one rendered text", "it has to travel in a request";
    /// Bytes of one stored event.
    MAX_EVENT = 64 * 1024, "bytes of one stored event", "larger things are blobs that the event names";
    /// Bytes of one batch of events.
    MAX_BATCH = 1024 * 1024, "bytes of one batch", "one frame of the journal";
    /// Bytes of output that ride in the event itself.
    INLINE_OUTPUT = 4 * 1024, "bytes of output kept in the event", "small outputs need no second file";
    /// Bytes of one text that a run says of itself.
    MAX_RUN_TEXT = 16 * 1024, "bytes of one text of a run: a log line, a failure, a reason", "people read it; the output of the step is kept whole";
    /// Bytes of one vote on an approval, its fields and its note.
    MAX_VOTE = 16 * 1024, "bytes of the fields and note of one vote", "a form that a person fills in, well within an event";
    /// Bytes of the key of an incident.
    MAX_INCIDENT_KEY = 255, "bytes of the key of an incident", "what PagerDuty allows a dedup key";
    /// Bytes of a text that somebody wrote about an incident, or a run about it left behind.
    MAX_INCIDENT_TEXT = 8 * 1024, "bytes of one text of an incident", "a page is read at 3 am; the whole is with the run";
    /// Labels of an incident.
    MAX_INCIDENT_LABELS = 48, "labels of one incident", "all of them are in its first event, beside its text";
    /// Incidents that statistics are made of.
    MAX_COUNTED_INCIDENTS = 20_000, "incidents that statistics are made of", "each is read whole; of more the newest count, and it is said";
    /// Weeks that statistics look back.
    MAX_COUNTED_WEEKS = 105, "weeks that statistics of incidents look back", "two years, as long as incidents are kept unless a book says otherwise";
    /// Addresses of one round of a level.
    MAX_TURNS = 200, "addresses of one round of a level", "they are planned in one event; more people are a broadcast";
    /// Pages of one drill.
    MAX_DRILL = 400, "pages of one drill", "all of them are in its first event; more people are reached by several, by name or channel";
    /// Drills that are kept.
    MAX_DRILLS = 200, "drills that are kept", "almost four years of one a week";
    /// Incidents whose pages say what is known of the ways to people.
    MAX_REACH_INCIDENTS = 2_000, "incidents whose pages say who can be reached", "the newest; what is older says less than a drill";
    /// Samples that one attempt of one step may store.
    MAX_SAMPLES = 1_000, "samples of one attempt", "a list of disks or of probes, not a table of everything";
    /// Bytes of the samples of one attempt, as they are stored.
    MAX_SAMPLE_BYTES = 40 * 1024, "bytes of the samples of one attempt", "they ride in its event, which the index is made from, beside everything else of it";
    /// Bytes of one label's value.
    MAX_LABEL = 256, "bytes of one label's value", "a mount point, a host, a room; longer ones are cut and told apart by a hash";
    /// Days that one baseline looks back.
    MAX_BASELINE_DAYS = 400, "days one baseline looks back", "the same season of last year";
    /// Samples that one baseline is made of.
    MAX_BASELINE_SAMPLES = 10_000, "samples of one baseline", "four weeks of an hour every 10 s, or of whole days every 5 min; of more, the newest of each hour count";
    /// Plots of one report.
    MAX_PLOTS = 12, "plots of one report", "each reads as many samples as a baseline may have; past a dozen a dashboard is meant";
    /// Points of one plot.
    MAX_PLOT_POINTS = 120, "points of one plot", "more are closer than an eye tells apart; of many samples in a stretch of time, the newest count";
    /// Points of one plot, at least.
    MIN_PLOT_POINTS = 8, "points of one plot at least", "fewer are a table";
    /// Bytes of each output stream that expressions and templates see.
    MAX_OUTPUT_VALUE = 64 * 1024, "bytes of output an expression sees", "the whole is on disk; a condition needs a line of it";
    /// Longest argument of a child: a script, a line of the shell.
    MAX_SCRIPT = 128 * 1024 - 1, "bytes of one argument of a child: a `shell` line, an element of `exec`, the body of a `script`", "the longest argument Linux takes, less a byte";
    /// Bytes of a process's output that are read as a value.
    MAX_PARSED = 4 * 1024 * 1024, "bytes of output read as `json`, `lines`, `number` or `kv`", "as much as of a response body; text itself is the last 64 KiB";
    /// Bytes of the answer of a step that is a process of our own.
    MAX_RESULT = 64 * 1024 * 1024, "bytes of the answer of one step's own process", "rows, files and findings in full, whatever `output_limit` is";
    /// Bytes of an HTTP body that a step reads.
    MAX_BODY = 4 * 1024 * 1024, "bytes of a response body", "a health endpoint answers in kilobytes";
    /// Bytes of one secret input.
    MAX_SECRET = 16 * 1024, "bytes of one secret input", "a key with its chain of certificates fits";
    /// Attempts of one step.
    MAX_ATTEMPTS = 1_000, "attempts of one step", "more is a watch, which is its own kind";
    /// Parentheses within parentheses of the condition of one alert.
    MAX_ALERT_NESTING = 16, "parentheses within parentheses of the condition of one alert", "nobody reads more, and recursion stays small";
    /// Signs of arithmetic in the condition of one alert.
    MAX_ALERT_SIGNS = 64, "signs of arithmetic in the condition of one alert", "what takes more is a measure of its own";
    /// Days and stretches of time of one calendar.
    MAX_CALENDAR = 50_000, "days and stretches of time of one calendar, repetitions written out", "a century of holidays has a few thousand";
    /// Missed instants of one trigger that are caught up with.
    MAX_CATCH_UP = 100, "missed instants that `missed: all` catches up with", "one by one; older ones say nothing that the newest do not";
    /// Due instants of one schedule that are decided together.
    MAX_DUE = 10_000, "due instants decided together", "a year of seconds is caught up with piece by piece, and nothing else waits for it";
    /// Instants that one `backfill` makes up for.
    MAX_BACKFILL = 1_000, "instants that one `backfill` makes up for", "one by one; a second call goes on behind the last";
    /// Instants that a `backfill` makes up for unasked.
    BACKFILL_ASKS = 100, "instants that a `backfill` makes up for without `--yes`", "a mistyped year is thousands of runs";
    /// Instants of one row before the one that a backfill takes out of it.
    MAX_SHARED = 100_000, "instants that a backfill passes over within one row", "a row of a month of seconds is no reason to hold up every schedule";
    /// Days for which single samples are kept; what is older is summed up.
    RAW_DAYS = 7, "days for which single samples are kept", "a window of an alert looks at single samples; a week of them fits in memory";
    /// Days for which sums of five minutes are kept.
    FIVE_MINUTE_DAYS = 90, "days for which sums of five minutes are kept", "a quarter, for what a report compares";
    /// Days for which sums of an hour are kept.
    HOUR_DAYS = 730, "days for which sums of an hour are kept", "the same season of last year, twice";
    /// Runs that have not ended and are looked at for those that take too long.
    OVERDUE_RUNS = 1_000, "runs looked at for those that take or wait too long", "each minute; when more are under way their number is the trouble";
    /// Runs that say how long runs of a runbook take.
    SLOW_OF_RUNS = 50, "runs that say how long runs of a runbook take", "a fifth of them must have succeeded before anything is slow";
    /// How many times its usual time a run may take.
    SLOW_TIMES = 3, "times the 95th percentile that a run may take before an incident says so", "a run that takes twice as long is a busy machine";
    /// Points of each series in one answer about measures.
    MAX_MEASURE_POINTS = 2_000, "points of each series in one answer", "more than any screen has columns; a coarser step shows the same time in fewer";
    /// Series in one answer about a measure.
    MAX_MEASURED = 200, "series in one answer about a measure", "more are asked for by their labels";
    /// Samples or sums of one event of a series.
    CHUNK_POINTS = 1_000, "samples or sums of one event of a series", "well within one event, packed or not";
    /// Files kept of one attempt.
    MAX_ARTIFACTS = 100, "files kept of one attempt", "what a person looks through; more belong into an archive";
    /// Bytes of the files kept of one attempt.
    MAX_ARTIFACT_BYTES = 64 * 1024 * 1024, "bytes of the files kept of one attempt", "every attempt of every run has its own";
    /// Directories within directories that are looked into for them.
    MAX_ARTIFACT_DEPTH = 16, "directories within directories looked into for files to keep", "each is held open on the way down";
    /// Names looked at for the files of one attempt.
    MAX_ARTIFACT_NAMES = 10_000, "names looked at for the files of one attempt", "a pattern over a whole tree must end";
    /// Parts of one text message.
    MAX_TEXT_PARTS = 3, "parts of one text message", "459 characters, or 201 of other alphabets; more arrive in bits, and nobody reads them at night";
    /// Threads whose first post is remembered, to be kept up to date.
    MAX_POSTED = 10_000, "threads whose first post is remembered", "as many incidents as may be open at once";
    /// Runs that calls of one trigger may start within a minute.
    MAX_STARTS = 60, "runs that one trigger starts within a minute when it is called", "one a second is a storm or a loop; the calls past it are kept as rows and said aloud";
    /// Bytes of what a call gives its run.
    MAX_CALL = 48 * 1024, "bytes of the inputs that one call from outside gives its run", "they ride in its event until the run begins";
    /// Bytes of the body of one call.
    MAX_HOOK_BODY = 1024 * 1024, "bytes of the body of one webhook or alert", "the largest that the services we know send is a fraction of it";
    /// Files that one trigger watches.
    MAX_WATCHED_FILES = 10_000, "files that one trigger watches", "each is remembered with what it looked like";
    /// Entries of directories looked at by one `files`, `backup` or `restore`.
    MAX_TREE = 1_000_000, "entries looked at by one step about files", "a pattern over a whole machine must end";
    /// Depth of directories that are entered.
    MAX_DIRECTORIES_DEEP = 64, "directories within directories", "deeper is a loop that somebody mounted";
    /// Files named in the output of one step.
    MAX_LISTED = 500, "files named in an output", "all are counted; the rest is what `find` of the shell is for";
    /// Bytes of the manifest of one backup.
    MAX_MANIFEST = 64 * 1024 * 1024, "bytes of the manifest of one backup", "a row for each file, a quarter of a million of them";
    /// Files that can still be made where the data is, below which no run is started.
    MIN_INODES = 1_000, "files that must be possible where the data is before a run is started", "a run makes one, the output of an attempt up to three; a disk that can make none fails every step";
    /// The year before which the clock is not believed.
    FIRST_YEAR = 2020, "the year before which the clock of the machine is not believed", "a board without a battery begins in 1970: its schedules wait until the time is set";
    /// Labels taken of one alert of another system.
    MAX_REPORTED_LABELS = 64, "labels taken of one alert of another system", "more tell nobody what is wrong";
    /// Bytes of one line of an alert of another system: a link, a title.
    MAX_REPORTED_TEXT = 2 * 1024, "bytes of one line of an alert of another system: a link, a title", "links are long, titles are not";
    /// Bytes of the text of one alert of another system.
    MAX_REPORTED_BODY = 8 * 1024, "bytes of the text of one alert of another system", "as much as an incident keeps";
    /// Bytes of what tells alerts of another system apart.
    MAX_FINGERPRINT = 255, "bytes of what tells alerts of another system apart", "a longer one is told apart by its hash";
    /// Series of one measure that one alert looks at.
    MAX_ALERT_SERIES = 1_000, "series of one measure that one alert looks at", "more are labels that take any value";
    /// Bytes of one answer by text message or button.
    MAX_REPLY = 64 * 1024, "bytes of one answer by text message or button", "what providers send is a fraction of it";
    /// Connections to the HTTP API at a time.
    MAX_CONNECTIONS = 1_024, "connections to the HTTP API at a time", "the next one waits; people, a proxy and monitors need tens";
    /// Bytes of the body of one request to the HTTP API.
    MAX_REQUEST = 1024 * 1024, "bytes of the body of one request to the HTTP API", "inputs of a run; larger things are files";
    /// Events that somebody who follows a run may be behind.
    MAX_BEHIND = 10_000, "events that somebody who follows a run may be behind", "past that they are told to begin again, and memory stays small";
    /// Bytes of one file of secrets.
    MAX_SECRETS = 1024 * 1024, "bytes of one file of secrets", "names and values of secrets are a page";
    /// Alerts of other systems in one list.
    MAX_ALERTS = 1_000, "alerts of other systems in one list", "the newest; a longer list is read by nobody";
    /// Bytes of one plan.
    MAX_PLAN = 64 * 1024 * 1024, "bytes of one plan", "past that it is none of ours";
    /// Bytes of output sent in one answer.
    MAX_PIECE = 4 * 1024 * 1024, "bytes of output sent in one answer", "whoever wants more asks for the next";
    /// Alerts of other systems that are known at a time.
    MAX_KNOWN_ALERTS = 50_000, "alerts of other systems that are known at a time", "a storm; the oldest that are over go first";
    /// Seconds that a step without `timeout` waits for somebody else.
    MAX_ANSWER_SECS = 300, "seconds that a step without `timeout` waits for somebody else", "a peer that accepts and says nothing must not hold a run for ever";
    /// Seconds that a step `sql` without `timeout` takes.
    MAX_STATEMENT_SECS = 3600, "seconds that a step `sql` without `timeout` takes", "statements that clean up are long, and none is for ever";
    /// Bytes of an idempotency key.
    MAX_IDEMPOTENCY_KEY = 255, "bytes of an idempotency key", "what other APIs allow";
    /// Bytes of an answer that is given again to who sends its idempotency key again.
    MAX_KEPT_ANSWER = 16 * 1024, "bytes of an answer that is given again to who sends its idempotency key again", "an event holds it, escaped";
    /// Tokens of the HTTP API that open something.
    MAX_TOKENS = 1_000, "tokens of the HTTP API that open something", "more than anybody can look through and revoke";
    /// Series in one list or on `/metrics`.
    MAX_SERIES = 10_000, "series in one list or on `/metrics`", "more are labels that take any value";
    /// Bytes of the name of a stream.
    MAX_STREAM_NAME = 512, "bytes of the name of a stream", "a run, an incident, a group: ids and names";
    /// Bytes of the arguments and environment of one child, as they are sent to the keeper.
    MAX_FRAME = 16 * 1024 * 1024, "bytes of the arguments and environment of one child, as they are sent to the keeper", "the kernel takes 2 MiB; there is room for escapes";
    /// Bytes of the standard input of one child.
    MAX_STDIN = 16 * 1024 * 1024, "bytes of the standard input of one child", "more is a file whose name is given";
    /// Bytes that wait for an owner that does not listen to the keeper.
    MAX_UNHEARD = 4 * 1024 * 1024, "bytes that wait for an owner that does not listen to the keeper", "it is dropped then: the truth is on disk, and it will ask again";
    /// Bytes of one line of an incident: a title, a reason, a type.
    MAX_INCIDENT_LINE = 1024, "bytes of one line of an incident: a title, a reason, a type", "it stands in a list";
    /// Events of one rehearsed night.
    MAX_REHEARSED_EVENTS = 20_000, "events of one rehearsed night", "a ladder that goes round faster is no ladder";
    /// Bytes of the text of one page.
    MAX_PAGE = 16 * 1024, "bytes of the text of one page", "a page is read at 3 am; each channel cuts it to what it takes";
    /// Rows in the output of one `sql` step.
    MAX_SQL_ROWS = 1_000, "rows in the output of one `sql` step", "a report of more is a file; all are counted";
    /// Series in the output of one `prometheus` step.
    MAX_PROMETHEUS_SERIES = 200, "series in the output of one `prometheus` step", "a condition looks at a few; all are counted";
    /// Bytes of one line of a log that are looked at.
    MAX_LOG_LINE = 64 * 1024, "bytes of one line of a log that are looked at", "one pass in bounded memory";
    /// Characters of one line of a log kept in an output.
    MAX_KEPT_LINE = 500, "characters of one line of a log kept in an output", "a person reads it; the file has the whole";
    /// Bytes of one SIP message.
    MAX_SIP_MESSAGE = 64 * 1024, "bytes of one SIP message", "a datagram holds no more";
    /// Rooms, people, trunks or egresses in the output of one `livekit` step.
    MAX_LIVEKIT_LISTED = 200, "rooms, people, trunks or egresses in the output of one `livekit` step", "a condition looks at a few; all are counted";
    /// Bytes read of what the command of a channel says.
    MAX_COMMAND_SAID = 64 * 1024, "bytes read of what the command of a channel says", "why it could not send fits into a line";
    /// Bytes of a crontab that is imported.
    MAX_CRONTAB = 1024 * 1024, "bytes of a crontab that is imported", "as a file of a book";
    /// Rows of one answer of the API: runs, incidents, deeds.
    MAX_ROWS = 10_000, "rows of one answer of the API: runs, incidents, deeds", "a page of them is read; whoever exports asks again from where it ends";
    /// Days an incident is left alone.
    MAX_SNOOZE_DAYS = 30, "days an incident is left alone", "what takes longer is no trouble any more";
    /// Days of one rehearsed night.
    MAX_REHEARSED_DAYS = 30, "days of one rehearsed night", "what is not answered in a month is not answered";
    /// Characters of an id or a name.
    MAX_NAME = 64, "characters of an id or a name", "a column of `show` must hold it";
    /// Depth of runbooks that call runbooks.
    MAX_CALL_DEPTH = 16, "runbooks calling runbooks", "past sixteen it is a loop";
}
