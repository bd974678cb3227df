//! The ladder: everybody on it exists and can be reached, every incident finds its way, nobody waits unseen.

use super::settings::word;
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, FileId, Spot};
use crate::lang::Loaded;
use crate::lang::keys::syntax;
use crate::model::escalation::Escalation;

/// Checks `escalation.yaml`.
pub(super) fn check(loaded: &Loaded, ladder: &Escalation, file: FileId, findings: &mut Diagnostics) {
    let rungs = Rungs::new(loaded, ladder, file);
    rungs.whole(findings);
    rungs.people(findings);
    rungs.runbooks(findings);
    rungs.routes(findings);
    rungs.severities(findings);
    rungs.phones(findings);
    rungs.mail(findings);
    rungs.announcements(findings);
    rungs.drill(findings);
}

/// Whether a name in a list of people is somebody. `on_call.owner` is whoever owns the runbook.
pub(super) fn somebody(ladder: &Escalation, text: &str) -> bool {
    match text.strip_prefix("on_call.") {
        Some("owner") => true,
        Some(rotation) => ladder.on_call.keys().any(|known| known.as_str() == rotation),
        None => ladder.contacts.keys().any(|known| known.as_str() == text),
    }
}

/// A ladder and the file it is written in.
pub(super) struct Rungs<'a> {
    pub(super) loaded: &'a Loaded,
    pub(super) ladder: &'a Escalation,
    file: FileId,
}

impl<'a> Rungs<'a> {
    /// The ladder of that file.
    pub(super) fn new(loaded: &'a Loaded, ladder: &'a Escalation, file: FileId) -> Self {
        Self { loaded, ladder, file }
    }

    /// The start of the file, for what is missing from it.
    pub(super) fn top(&self) -> Spot {
        let text = &self.loaded.sources.get(self.file).text;
        let skipped =
            text.lines().take_while(|line| line.trim().is_empty() || line.starts_with('#')).map(|line| line.len() + 1);
        let start = skipped.sum::<usize>().min(text.len());
        let end = text[start..].find([':', '\n']).map_or(text.len(), |at| start + at);
        Spot { file: self.file, start, end }
    }

    /// Where a word of the file stands for the first time, as a word.
    pub(super) fn at(&self, text: &str) -> Spot {
        word(&self.loaded.sources, self.file, text, 0).unwrap_or_else(|| self.top())
    }

    /// Whether the rotations could not be read: what is wrong with them has been told, and that they are missing is not.
    fn unread(&self) -> bool {
        let text = &self.loaded.sources.get(self.file).text;
        self.ladder.on_call.is_empty() && text.lines().any(|line| line.starts_with("on_call:"))
    }

    /// Where the last of several words stands, each behind the one before it.
    pub(super) fn behind(&self, words: &[&str]) -> Spot {
        let mut spot = None::<Spot>;
        for text in words {
            spot = word(&self.loaded.sources, self.file, text, spot.map_or(0, |spot| spot.end)).or(spot);
        }
        spot.unwrap_or_else(|| self.top())
    }

    /// Where a word stands for the nth time behind a key, from 0.
    pub(super) fn nth(&self, key: &str, text: &str, nth: usize) -> Spot {
        let from = word(&self.loaded.sources, self.file, key, 0);
        let next = |from: &Spot| word(&self.loaded.sources, self.file, text, from.end);
        let found = std::iter::successors(from.as_ref().and_then(next), next).nth(nth);
        found.or(from).unwrap_or_else(|| self.top())
    }

    /// Where the route of that number, from 0, names its first response.
    pub(super) fn first_response(&self, index: usize, runbook: &Name) -> Spot {
        let route = self.nth("routes", "match", index);
        let name = |from: usize| word(&self.loaded.sources, self.file, runbook.as_str(), from);
        let key = word(&self.loaded.sources, self.file, "first_response", route.end);
        key.and_then(|key| name(key.end)).unwrap_or(route)
    }

    /// Where it stands behind another word: a name below its key.
    pub(super) fn below(&self, key: &str, text: &str) -> Spot {
        let from = word(&self.loaded.sources, self.file, key, 0).map_or(0, |spot| spot.end);
        word(&self.loaded.sources, self.file, text, from).unwrap_or_else(|| self.at(text))
    }

    fn whole(&self, findings: &mut Diagnostics) {
        if self.loaded.book.settings.dead_man.is_none() {
            findings.push(
                Diagnostic::warning(Code::NoDeadMan, self.top(), "nobody would notice if stepladder itself stopped: `dead_man` is not set")
                    .help("in stepladder.yaml: `dead_man: { url: \"https://…\", every: 1m }`, at a watcher that pages when the calls stop"),
            );
        }
        if self.ladder.catch_all.is_empty() {
            findings.push(
                Diagnostic::error(
                    Code::NoCatchAll,
                    self.top(),
                    "the ladder has no `catch_all`: when nobody is reachable, nobody is told",
                )
                .help("name who is told when everything else failed: `catch_all: [manager]`"),
            );
        }
    }

    fn people(&self, findings: &mut Diagnostics) {
        let ladder = self.ladder;
        let people = || ladder.contacts.keys().map(ToString::to_string);
        let known: Vec<String> = people().chain(ladder.on_call.keys().map(|name| format!("on_call.{name}"))).collect();
        let lists = ladder.levels.iter().map(|(number, level)| (format!("level {number}"), "levels", &level.page));
        let lists = lists.chain([("`catch_all`".to_owned(), "catch_all", &ladder.catch_all)]);
        for (place, key, names) in lists {
            let judged = |name: &&String| !self.unread() || !name.starts_with("on_call.");
            for name in names.iter().filter(judged).filter(|name| !somebody(ladder, name)) {
                findings.push(
                    Diagnostic::error(
                        Code::UnknownContact,
                        self.below(key, name),
                        format!("unknown contact `{name}` in {place}"),
                    )
                    .help("people are declared below `contacts:`, rotations below `on_call:`")
                    .did_you_mean(name, known.iter().map(String::as_str)),
                );
            }
        }
        for (rotation, members) in &ladder.on_call {
            let stand_ins =
                ladder.rotations.get(rotation).map(|rotation| rotation.overrides.as_slice()).unwrap_or_default();
            let names = members.iter().chain(stand_ins.iter().map(|one| &one.who));
            for member in names.filter(|member| !ladder.contacts.contains_key(*member)) {
                let spot = self.below("on_call", member.as_str());
                findings.push(
                    Diagnostic::error(
                        Code::UnknownContact,
                        spot,
                        format!("unknown contact `{member}` in the rotation `{rotation}`"),
                    )
                    .help("people are declared below `contacts:`")
                    .did_you_mean(member.as_str(), ladder.contacts.keys().map(Name::as_str)),
                );
            }
            if members.is_empty() {
                let message = format!("nobody is in the rotation `{rotation}`");
                findings.push(
                    Diagnostic::error(Code::NobodyTold, self.below("on_call", rotation.as_str()), message)
                        .help("give it `members: [NAME]`"),
                );
            }
        }
    }

    fn runbooks(&self, findings: &mut Diagnostics) {
        let levels = self.ladder.levels.values().flat_map(|level| level.gather.iter().chain(&level.tries));
        let routes = self.ladder.routes.iter().filter_map(|route| route.first_response.as_ref());
        for name in levels.chain(routes) {
            super::calls::unknown(self.loaded, name, self.at(name.as_str()), findings);
        }
    }

    fn routes(&self, findings: &mut Diagnostics) {
        let routes = &self.ladder.routes;
        if routes.is_empty() && self.loaded.sources.get(self.file).name == "escalation.yaml" {
            findings.push(
                Diagnostic::error(
                    Code::RouteOrder,
                    self.top(),
                    "the ladder has no `routes`: no incident would find its way onto it",
                )
                .help("say where incidents go: `routes: [ { match: {}, severity: P3, owner: NAME } ]`"),
            );
        }
        for route in routes {
            let missing = |owner: &&Name| !self.ladder.on_call.contains_key(*owner) && !self.unread();
            if let Some(owner) = route.owner.as_ref().filter(missing) {
                findings.push(
                    Diagnostic::error(
                        Code::UnknownContact,
                        self.below("routes", owner.as_str()),
                        format!("`{owner}` owns a route and is no rotation"),
                    )
                    .help("rotations are declared below `on_call:`")
                    .did_you_mean(owner.as_str(), self.ladder.on_call.keys().map(Name::as_str)),
                );
            }
            if let Some(severity) = &route.severity {
                super::ladder::severity(self.loaded, severity, self.below("routes", severity), findings);
            }
        }
        if routes.last().is_some_and(|last| !last.matches.is_empty()) {
            findings.push(
                Diagnostic::error(
                    Code::RouteOrder,
                    self.at("routes"),
                    "the last route does not match everything: some incidents would find no way",
                )
                .help("add one at the end: `- { match: {}, severity: P3, owner: NAME }`"),
            );
        }
        let all = routes.iter().position(|route| route.matches.is_empty());
        if all.is_some_and(|all| all + 1 < routes.len()) {
            findings.push(
                Diagnostic::error(
                    Code::RouteOrder,
                    self.at("routes"),
                    "a route stands behind one that matches everything: it is never taken",
                )
                .help("the first that matches decides: put `match: {}` last"),
            );
        }
    }

    /// Every severity tells somebody before it asks for an answer.
    fn severities(&self, findings: &mut Diagnostics) {
        let ladder = self.ladder;
        for (name, severity) in &ladder.severities {
            let climb: Vec<_> = severity.climb.iter().collect();
            for pair in climb.windows(2).filter(|pair| pair[1].1 < pair[0].1) {
                let ((low, early), (high, late)) = (pair[0], pair[1]);
                let message =
                    format!("`{name}` climbs down: level {high} comes at {late}, before level {low} at {early}");
                findings.push(
                    Diagnostic::error(Code::BadDuration, self.below(name, "climb"), message)
                        .label("these are offsets from the opening")
                        .help("let each level come no sooner than the one below it: `climb: { 1: 0m, 2: 15m, 3: 2h }`"),
                );
            }
        }
        for (number, level) in &ladder.levels {
            if level.page.is_empty() && level.gather.is_empty() && level.tries.is_empty() {
                let message = format!("level {number} pages nobody and tries nothing");
                findings.push(
                    Diagnostic::error(Code::NobodyTold, self.below("levels", &number.to_string()), message)
                        .help("give it `page: [NAME]`"),
                );
            }
        }
        for (name, severity) in &ladder.severities {
            let spot = self.below("severities", name);
            for level in severity.climb.keys().filter(|level| !ladder.levels.contains_key(level)) {
                let message = format!("`{name}` climbs to level {level}, which is not declared");
                findings.push(Diagnostic::error(Code::UnknownName, spot, message).help("declare it below `levels:`"));
            }
            if let Some(set) = severity.announce.as_ref().filter(|set| !ladder.announce.contains_key(*set)) {
                findings.push(
                    Diagnostic::error(
                        Code::UnknownName,
                        self.below("severities", set),
                        format!("`{name}` is announced to `{set}`, which is not declared"),
                    )
                    .help("broadcast sets are declared below `announce:`")
                    .did_you_mean(set, ladder.announce.keys().map(String::as_str)),
                );
            }
            let Some(within) = severity.respond_within else { continue };
            let told =
                severity.announce.as_ref().and_then(|set| ladder.announce.get(set)).is_some_and(|set| !set.is_empty());
            let paged = severity
                .climb
                .iter()
                .filter(|(level, _)| ladder.levels.get(level).is_some_and(|level| !level.page.is_empty()));
            let first = paged.map(|(_, offset)| *offset).min();
            if !told && first.is_none_or(|first| first > within) {
                let when = first.map_or_else(|| "never".to_owned(), |first| format!("after {first}"));
                findings.push(
                    Diagnostic::error(
                        Code::NobodyTold,
                        spot,
                        format!("`{name}` asks for an answer within {within}, and a person is paged {when}"),
                    )
                    .help("let it climb sooner to a level with `page:`, announce it, or give it more time"),
                );
            }
        }
    }

    fn mail(&self, findings: &mut Diagnostics) {
        for (name, contact) in &self.ladder.contacts {
            let Some(address) = contact.addresses.get("email") else { continue };
            if let Err(bad) = (syntax::MAIL.test)(address) {
                let message = format!("{bad} (at `contacts.{name}.email`)");
                let finding = Diagnostic::error(Code::BadAddress, self.at(address), message);
                findings.push(finding.help(format!("write it like `{}`", syntax::MAIL.example)));
            }
        }
    }

    /// Broadcasts go over channels that are there. A book that declares none sends nothing yet.
    fn announcements(&self, findings: &mut Diagnostics) {
        if self.loaded.book.settings.channels.is_empty() {
            return;
        }
        for address in self.ladder.announce.values().flatten() {
            if let Some(finding) = super::ladder::channel(self.loaded, address, self.below("announce", address)) {
                findings.push(finding);
            }
        }
    }

    fn phones(&self, findings: &mut Diagnostics) {
        for (name, contact) in &self.ladder.contacts {
            for number in ["phone", "sms"].iter().filter_map(|channel| contact.addresses.get(*channel)) {
                let odd = |c: char| !(c.is_ascii_digit() || matches!(c, '+' | '-' | ' ' | '(' | ')' | '.'));
                if number.contains(odd) || number.chars().filter(char::is_ascii_digit).count() < 5 {
                    findings.push(
                        Diagnostic::warning(
                            Code::BadPhone,
                            self.at(number),
                            format!("`{number}` of `{name}` cannot be dialled"),
                        )
                        .help("digits only, with the country first: `+1-555-0123`"),
                    );
                }
            }
        }
    }
}

/// The people a name in `page` stands for at one time or another; the owner's rotation is any of them.
pub(super) fn members<'a>(ladder: &'a Escalation, who: &'a str) -> Vec<&'a str> {
    let Some(rotation) = who.strip_prefix("on_call.") else { return vec![who] };
    let wanted = |name: &Name| rotation == "owner" || name.as_str() == rotation;
    let members = ladder.on_call.iter().filter(|(name, _)| wanted(name)).flat_map(|(_, members)| members);
    let rotations = || ladder.rotations.iter().filter(|(name, _)| wanted(name)).map(|(_, rotation)| rotation);
    let stand_ins = rotations().flat_map(|rotation| &rotation.overrides).map(|one| one.who.as_str());
    let holidays = rotations().filter_map(|rotation| Some(rotation.holidays.as_ref()?.who.as_str()));
    members.map(Name::as_str).chain(stand_ins).chain(holidays.filter(|who| !who.contains('.'))).collect()
}
