//! Options of a job, as inputs that every step finds in its environment under the names Rundeck gives them.

use crate::base::ids::StepId;
use crate::lang::import::draft::{Out, bare, pair, text};
use crate::lang::import::report::{Lost, Report, says_yes};
use crate::lang::import::words::Names;
use crate::lang::yaml::Node;

/// One option.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// Its name.
    pub(super) name: String,
    /// The input it becomes; `None` where it is a secret of the book.
    pub(super) input: Option<StepId>,
    /// What is written of the input.
    pub(super) body: Vec<(String, Out)>,
    /// Whether it is never empty.
    pub(super) filled: bool,
    /// Whether a run may begin without it being given.
    pub(super) stands: bool,
    /// Whether commands see it.
    pub(super) shown: bool,
}

/// Keys of an option.
const KNOWN: &[&str] = &[
    "name",
    "label",
    "description",
    "value",
    "values",
    "required",
    "enforced",
    "regex",
    "valuesUrl",
    "multivalued",
    "delimiter",
    "multivalueAllSelected",
    "secure",
    "valueExposed",
    "storagePath",
    "isDate",
    "dateFormat",
    "sortIndex",
    "sortValues",
    "type",
    "hidden",
    "optionValuesPluginType",
    "valuesListDelimiter",
    "configMap",
];

impl Choice {
    /// The variable of the environment that holds it.
    pub(super) fn variable(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        format!("RD_OPTION_{}", self.name.chars().map(plain).collect::<String>())
    }

    /// As a template.
    pub(super) fn template(&self) -> String {
        match &self.input {
            Some(input) => format!("{{{{ inputs.{input} }}}}"),
            None => format!("{{{{ secrets.{} }}}}", self.variable()),
        }
    }
}

/// The options of a job, in order.
pub(super) fn options(node: &Node, report: &mut Report) -> Vec<Choice> {
    let mut names = Names::default();
    let mut found = Vec::new();
    if let Some(pairs) = node.pairs() {
        for (key, value) in pairs {
            found.push(option(key.name().unwrap_or_default(), value, &mut names, report));
        }
    }
    for item in node.items().unwrap_or_default() {
        match item.get("name").and_then(Node::name) {
            Some(name) => found.push(option(name, item, &mut names, report)),
            None => report.lost(Lost::new(item.spot, "an option without a name", "give it `name:`")),
        }
    }
    found
}

fn option(name: &str, node: &Node, names: &mut Names, report: &mut Report) -> Choice {
    let says = |key: &str| node.get(key).is_some_and(says_yes);
    let mut choice = Choice {
        name: name.to_owned(),
        input: Some(names.id(name, "option")),
        body: Vec::new(),
        filled: says("required"),
        stands: false,
        shown: true,
    };
    reported(node, report);
    if says("secure") {
        choice.shown = says("valueExposed");
        if let Some(path) = node.get("storagePath") {
            choice.input = None;
            choice.stands = true;
            if !choice.shown {
                return choice;
            }
            let help = format!("give the secret `{}` to a provider of stepladder.yaml", choice.variable());
            report.differs(path.spot, "a password comes from the providers of stepladder.yaml, by its name", help);
            return choice;
        }
        choice.body.push(bare("type", "secret"));
        if !choice.filled {
            report.differs(
                node.spot.part(0, 0),
                format!("the secret `{name}` has to be given to each run"),
                "a secret that is always the same goes under `secrets:`",
            );
        }
        choice.filled = true;
        return choice;
    }
    let values: Vec<String> = match node.get("values") {
        Some(list) if list.scalar().is_some() => {
            list.name().unwrap_or_default().split(',').map(|it| it.trim().to_owned()).collect()
        }
        Some(list) => report.texts(list, "`values`").into_iter().map(|(value, _)| value).collect(),
        None => Vec::new(),
    };
    let default = node.get("value").and_then(|value| report.text(value, "`value`"));
    let is_choice = says("enforced") && !says("multivalued") && !values.is_empty();
    choice.body.push(bare("type", if is_choice { "choice" } else { "text" }));
    if is_choice {
        choice.body.push(pair("options", Out::List(values.iter().cloned().map(Out::Text).collect())));
        choice.filled = true;
        if default.is_none() && !says("required") {
            report.differs(
                node.spot.part(0, 0),
                format!("the option `{name}` has to be given to each run"),
                "a choice has no empty value: give it a `default:`",
            );
        }
    }
    if let Some(pattern) = node.get("regex").and_then(|node| report.text(node, "`regex`")).filter(|it| !it.is_empty()) {
        choice.body.push(text("pattern", pattern));
    }
    let default =
        default.or_else(|| (!says("required") && !is_choice && node.get("regex").is_none()).then(String::new));
    choice.stands = default.is_some();
    choice.body.extend(default.map(|value| text("default", value)));
    if let Some(words) = node.get("description").and_then(|node| report.text(node, "`description`")) {
        choice.body.push(text("description", words.trim()));
    }
    choice
}

/// Says what of an option is left out.
fn reported(node: &Node, report: &mut Report) {
    for (key, value) in node.pairs().unwrap_or_default() {
        let name = key.name().unwrap_or_default();
        let (what, help) = match name {
            "valuesUrl" | "optionValuesPluginType" => (
                "choices that are fetched when somebody starts the job",
                "write them as `options:` of a `choice`, or leave the text free",
            ),
            "multivalueAllSelected" if says_yes(value) => {
                ("all choices as the value that is taken unless said", "write them, joined, as `default:`")
            }
            "type" if value.name() == Some("file") => {
                ("a file that is sent along", "an input of `type: json` or `text` may carry what is in it")
            }
            _ if KNOWN.contains(&name) => continue,
            _ => {
                report.unknown(key, "an option", KNOWN);
                continue;
            }
        };
        report.lost(Lost::new(key.spot, what, help));
    }
    if node.get("enforced").is_some_and(says_yes) && node.get("multivalued").is_some_and(says_yes) {
        report.differs(
            node.spot.part(0, 0),
            "several choices at once are one text here, and nothing looks whether each is allowed",
            "`pattern:` can",
        );
    }
}
