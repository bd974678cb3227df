//! Who may say yes, and who somebody is among the contacts.
//!
//! Asked of the ladder as it counts now, at each vote: whoever is on call when they answer. Who somebody is, is said by the
//! contact (`user:`), or they are the contact of their own name (`docs/decisions/0022-approvals.md`).

use crate::base::actor::{Actor, Role, Via};
use crate::base::address::Place;
use crate::base::ids::Name;
use crate::model::escalation::Escalation;
use crate::model::oncall;
use jiff::Timestamp;

/// Who may approve something.
pub(super) struct Rule<'a> {
    pub(super) ladder: &'a Escalation,
    pub(super) owner: Option<&'a Name>,
    pub(super) by: &'a [String],
    pub(super) now: Timestamp,
}

impl Rule<'_> {
    /// The contacts who may, now.
    pub(super) fn people(&self) -> Vec<Name> {
        let mut people: Vec<Name> = Vec::new();
        for who in self.by.iter().flat_map(|who| oncall::resolve(self.ladder, who, self.owner, self.now)) {
            if !people.contains(&who) {
                people.push(who);
            }
        }
        people
    }

    pub(super) fn lets(&self, actor: &Actor, person: Option<&Name>) -> bool {
        let role = self.by.iter().filter_map(|who| Role::parse(who)).any(|least| actor.role >= least);
        role || person.is_some_and(|person| self.people().contains(person))
    }

    /// Those who may, as a person says it: `on_call.platform (ivanova now), manager, whoever is operator`.
    pub(super) fn shown(&self) -> String {
        let one = |who: &String| match (Role::parse(who), who.strip_prefix("on_call.")) {
            (Some(role), _) => format!("whoever is {}", role.as_str()),
            (None, None) => who.clone(),
            (None, Some(_)) => {
                let now = oncall::resolve(self.ladder, who, self.owner, self.now);
                let now = now.first().map_or("nobody", |name| name.as_str());
                format!("{who} ({now} now)")
            }
        };
        self.by.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// The contact that somebody is: the one who names them, or the one of their own name who names nobody.
pub(super) fn person(ladder: &Escalation, actor: &Actor) -> Option<Name> {
    match actor.via {
        Via::Cli | Via::Socket | Via::Api => {}
        Via::Engine | Via::Link => return None,
    }
    let named = ladder.contacts.iter().find(|(_, contact)| contact.users.contains(&actor.id));
    let own = || ladder.contacts.iter().find(|(name, contact)| contact.users.is_empty() && name.as_str() == actor.id);
    named.or_else(own).map(|(name, _)| name.clone())
}

/// Who a word counts for.
pub(super) fn who(actor: &Actor, person: Option<&Name>) -> String {
    person.map_or_else(|| actor.id.clone(), ToString::to_string)
}

/// Why somebody may not, with those who may.
pub(super) fn may_not(actor: &Actor, person: Option<&Name>, verb: &str, place: &Place, rule: &Rule<'_>) -> String {
    let known = match person {
        Some(person) if person.as_str() != actor.id => format!("`{}`, who is `{person}`,", actor.id),
        Some(_) => format!("`{}`", actor.id),
        None => format!("`{}`, who is no contact of escalation.yaml,", actor.id),
    };
    let over = if actor.role == Role::Admin {
        "; as admin you may decide all the same, for all to see: `--override`"
    } else {
        ""
    };
    format!("{known} may not {verb} `{place}`: that is for {}{over}", rule.shown())
}
