//! Any text as a template in every landing: no panic, findings inside the text, no forged secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stepladder::base::arg::Landing;
use stepladder::expr::{Scope, Types};
use stepladder::template::Template;

const LANDINGS: [Landing; 6] =
    [Landing::Plain, Landing::ShellWord, Landing::Url, Landing::Argv, Landing::Html, Landing::Path];

fuzz_target!(|input: (u8, &str, &str)| {
    let (pick, text, value) = input;
    let inside = |offset: usize, len: usize| assert!(text.get(offset..offset + len).is_some());
    match Template::compile(text, LANDINGS[usize::from(pick) % LANDINGS.len()]) {
        Ok(template) => {
            template.reads().iter().for_each(|read| inside(read.offset, read.len));
            template.check(&Types::new()).iter().for_each(|found| inside(found.offset, found.len));
            let mut scope = Scope::default();
            scope.0.insert("x".into(), value.into());
            scope.0.insert("l".into(), vec![value, value].into());
            if let Ok(rendered) = template.render(&scope) {
                let named = |name: &str| template.secrets().iter().any(|read| read.path[1..] == [name]);
                assert!(rendered.secrets().all(|secret| named(&secret.name)));
            }
        }
        Err(found) => found.iter().for_each(|found| inside(found.offset, found.len)),
    }
});
