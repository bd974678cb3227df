//! What a DAG is called, what it is given and what its steps see.

use crate::diagnostic::{Code, Spot};
use crate::lang::import::dagu::params::Param;
use crate::lang::import::dagu::root::Making;
use crate::lang::import::dagu::values::Stands;
use crate::lang::import::draft::{Out, names, pair, text};
use crate::lang::import::report::Report;
use crate::lang::import::words::is_variable;
use crate::lang::yaml::Node;

impl Making<'_> {
    pub(super) fn words(&mut self, called: &str) {
        let description = self.get("description").and_then(|node| self.report.text(node, "`description`"));
        match description {
            Some(words) if words.trim().contains('\n') || words.len() > 80 => {
                self.draft.head.extend([text("title", called), text("description", words)]);
            }
            Some(words) if !words.trim().is_empty() => self.draft.head.push(text("title", words.trim())),
            Some(_) | None => self.draft.head.push(text("title", called)),
        }
        let mut labels = Vec::new();
        if let Some(group) = self.get("group").and_then(|node| self.report.text(node, "`group`")) {
            labels.push(text("group", group));
        }
        if let Some(node) = self.get("labels") {
            self.labels(node, &mut labels);
        }
        if !labels.is_empty() {
            self.draft.head.push(pair("labels", Out::Map(labels)));
        }
    }

    fn labels(&mut self, node: &Node, labels: &mut Vec<(String, Out)>) {
        if let Some(pairs) = node.pairs() {
            for (key, value) in pairs {
                labels.extend(
                    self.report.text(value, "a label").map(|value| text(key.name().unwrap_or_default(), value)),
                );
            }
            return;
        }
        for item in node.items().unwrap_or(std::slice::from_ref(node)) {
            if item.pairs().is_some() {
                self.labels(item, labels);
            } else if let Some(written) = self.report.text(item, "a label") {
                for word in written.split([',', ' ']).filter(|word| !word.is_empty()) {
                    let (key, value) = word.split_once('=').unwrap_or((word, "true"));
                    if !labels.iter().any(|(there, _)| there == key) {
                        labels.push(text(key, value));
                    }
                }
            }
        }
    }

    pub(super) fn inputs(&mut self, params: &[Param]) {
        for (index, param) in params.iter().enumerate() {
            let stands = Stands::Input(param.input.clone());
            let name = param.name.clone().unwrap_or_else(|| {
                // Its place counts those with a name too.
                self.places.insert(index + 1, param.input.clone());
                self.scope.names.insert((index + 1).to_string(), stands.clone());
                format!("ARG_{}", index + 1)
            });
            self.env.push(text(&name, stands.template()));
            self.scope.names.insert(name, stands);
        }
        if !params.is_empty() {
            let inputs = params.iter().map(|param| pair(param.input.as_str(), Out::Map(param.body.clone()))).collect();
            self.draft.head.push(pair("inputs", Out::Map(inputs)));
        }
    }

    pub(super) fn environment(&mut self) {
        let mut secrets = Vec::new();
        for item in self.get("secrets").and_then(Node::items).unwrap_or_default() {
            let Some(name) = item.get("name").and_then(Node::name) else { continue };
            secrets.push(name.to_owned());
            let template = format!("{{{{ secrets.{name} }}}}");
            self.env.push(text(name, template.clone()));
            self.scope.names.insert(name.to_owned(), Stands::Text(template));
            let help = "give the secret that name under `secrets:` of stepladder.yaml's providers";
            self.report.differs(item.spot, "a secret comes from the providers of stepladder.yaml, by its name", help);
        }
        if !secrets.is_empty() {
            self.draft.head.push(names("secrets", secrets.iter().map(String::as_str)));
        }
        let Some(node) = self.get("env") else { return };
        for (name, value, spot) in variables(node, self.report) {
            if self.env.iter().any(|(there, _)| *there == name) {
                continue;
            }
            match self.scope.template(&value, spot) {
                Ok(template) => {
                    self.env.push(text(&name, template.clone()));
                    self.scope.names.insert(name, Stands::Text(template));
                }
                Err(lost) => self.block(lost),
            }
        }
    }
}

/// The variables of an `env:`, in each of its three spellings.
pub(super) fn variables(node: &Node, report: &mut Report) -> Vec<(String, String, Spot)> {
    let mut found = Vec::new();
    for item in node.items().unwrap_or(std::slice::from_ref(node)) {
        if let Some(pairs) = item.pairs() {
            for (name, value) in pairs {
                let written = if value.is_null() { Some(String::new()) } else { report.text(value, "a variable") };
                found.extend(written.map(|written| (name.name().unwrap_or_default().to_owned(), written, value.spot)));
            }
        } else if let Some(written) = report.text(item, "a variable") {
            match written.split_once('=') {
                Some((name, value)) => found.push((name.to_owned(), value.to_owned(), item.spot)),
                None => {
                    report.wrong(Code::WrongType, item.spot, "a variable without a value", "write it as `NAME=value`");
                }
            }
        }
    }
    found.retain(|(name, _, spot)| {
        let fits = is_variable(name);
        if !fits {
            report.wrong(Code::BadName, *spot, format!("`{name}` is no name of a variable"), "letters, digits and `_`");
        }
        fits
    });
    found
}
