//! The drill: whom it is sent to exists, and can be sent something.

use super::rungs::Rungs;
use crate::base::ids::Name;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};

impl Rungs<'_> {
    pub(super) fn drill(&self, findings: &mut Diagnostics) {
        let Some(drill) = &self.ladder.drill else { return };
        for who in &drill.who {
            if let Some(finding) = super::ladder::contact(self.loaded, who, self.below("drill", who)) {
                findings.push(finding);
            }
        }
        for channel in drill.channels.iter().map(Name::as_str) {
            if let Some(finding) = super::ladder::channel(self.loaded, channel, self.below("drill", channel)) {
                findings.push(finding);
            }
        }
        if drill.channels.is_empty() {
            return;
        }
        // Who is sent nothing would never be seen to be unreachable.
        for (name, contact) in &self.ladder.contacts {
            let meant = drill.who.is_empty() || drill.who.iter().any(|who| self.means(who, name));
            if meant && !drill.channels.iter().any(|channel| contact.address(channel.as_str()).is_some()) {
                let message = format!("the drill sends `{name}` nothing: they have no address on its channels");
                let finding = Diagnostic::warning(Code::NoAddress, self.below("drill", "channels"), message);
                findings.push(finding.help("leave `channels` out for every way there is, or give them an address"));
            }
        }
    }

    /// Whether a word for people may mean that contact at some time.
    fn means(&self, who: &str, contact: &Name) -> bool {
        match who.strip_prefix("on_call.") {
            Some("owner") => true,
            Some(rotation) => {
                let found = self.ladder.on_call.iter().find(|(name, _)| name.as_str() == rotation);
                found.is_some_and(|(_, members)| members.contains(contact))
            }
            None => who == contact.as_str(),
        }
    }
}
