//! Where traces go: what `telemetry` says, else what the variables of the standard say, else nowhere.

use crate::act::otlp::Collector;
use crate::base::arg::Landing;
use crate::base::span::Span;
use crate::model::book::Telemetry;
use crate::model::defaults;
use crate::model::param::Param;
use crate::template::Template;
use std::collections::BTreeMap;
use std::time::Duration;

/// The path of traces below a collector's address.
const PATH: &str = "v1/traces";

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The collector, and what is said of us there.
    pub collector: Collector,
}

/// Where traces go; `None` = nowhere.
///
/// # Errors
/// A sentence, when they are to go somewhere and can't.
pub fn setup(said: &Telemetry, env: &BTreeMap<String, String>) -> Result<Option<Setup>, String> {
    let set = |name: &str| env.get(name).map(String::as_str).filter(|value| !value.is_empty());
    let of = |names: &[&str]| names.iter().find_map(|name| set(name));
    let off = set("OTEL_SDK_DISABLED").is_some_and(|word| word.eq_ignore_ascii_case("true"))
        || set("OTEL_TRACES_EXPORTER") == Some("none");
    let [whole, base] = defaults::OTLP_ENDPOINT else { return Ok(None) };
    let below = |base: &str| format!("{}/{PATH}", base.trim_end_matches('/'));
    let from_env = || set(whole).map(str::to_owned).or_else(|| set(base).map(below));
    let Some(url) = said.endpoint.as_deref().map(below).or_else(from_env).filter(|_| !off) else { return Ok(None) };
    if said.endpoint.is_none() {
        let protocol = of(&["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"]);
        if let Some(other) = protocol.filter(|word| *word != "http/protobuf") {
            return Err(format!(
                "the environment asks for traces by `{other}`, and only `http/protobuf` is spoken here: name its address \
                 in `telemetry.endpoint` (collectors have it on port 4318)"
            ));
        }
    }
    let headers = if said.headers.is_empty() {
        pairs(of(defaults::OTLP_HEADERS).unwrap_or_default()).into_iter().map(verbatim).collect::<Result<_, _>>()?
    } else {
        said.headers.clone()
    };
    let mut resource = vec![
        (
            "service.name".to_owned(),
            said.service.clone().or_else(|| of(defaults::OTEL_SERVICE).map(str::to_owned)).unwrap_or_default(),
        ),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let more = if said.attributes.is_empty() {
        pairs(of(defaults::OTEL_ATTRIBUTES).unwrap_or_default())
    } else {
        said.attributes.clone()
    };
    for (name, value) in more {
        match resource.iter_mut().find(|(known, _)| *known == name) {
            // The service's own name comes before the list, as the standard has it.
            Some((_, known)) if name == "service.name" && known.is_empty() => *known = value,
            Some(_) => {}
            None => resource.push((name, value)),
        }
    }
    if resource[0].1.is_empty() {
        defaults::SERVICE.clone_into(&mut resource[0].1);
    }
    let usual = Span::parse(defaults::TELEMETRY_TIMEOUT).unwrap_or_default();
    let from_env = of(defaults::OTLP_TIMEOUT).and_then(|text| text.parse().ok()).map(Span::from_millis);
    let patience = Duration::from_millis(said.timeout.or(from_env).unwrap_or(usual).millis());
    let ca = said.ca.clone().or_else(|| of(defaults::OTLP_CERTIFICATE).map(str::to_owned));
    Ok(Some(Setup { collector: Collector { url, headers, ca, patience, resource } }))
}

/// A header of the environment as it stands: it is no template.
fn verbatim((name, value): (String, String)) -> Result<(String, Param), String> {
    if value.contains("{{") {
        return Err(format!(
            "the header `{name}` of the environment has `{{{{` in it: write it into `telemetry.headers`"
        ));
    }
    let template = Template::compile(&value, Landing::Header)
        .map_err(|_| format!("the header `{name}` of the environment can't be sent as it is"))?;
    Ok((name, Param::Text(template)))
}

/// `name=value,name=value`, values written as in a URL.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |part: &str| {
        let (name, value) = part.split_once('=')?;
        Some((plain(name.trim()), plain(value.trim())))
    };
    text.split(',').filter_map(pair).filter(|(name, _)| !name.is_empty()).collect()
}

/// Without `%20` and the like.
fn plain(text: &str) -> String {
    let (bytes, mut out, mut at) = (text.as_bytes(), Vec::new(), 0);
    while at < bytes.len() {
        let hex = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            out.push(byte);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(said: &Telemetry, env: &[(&str, &str)]) -> Result<Option<Collector>, String> {
        let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        setup(said, &env).map(|setup| setup.map(|setup| setup.collector))
    }

    #[test]
    fn the_file_comes_before_the_environment_and_that_before_defaults() {
        let none = Telemetry::default();
        assert!(of(&none, &[]).expect("fine").is_none());
        let base = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");
        let found = of(&none, &[base]).expect("fine").expect("somewhere");
        assert_eq!((found.url.as_str(), found.patience), ("http://collector:4318/v1/traces", Duration::from_secs(10)));
        assert_eq!(found.resource[0], ("service.name".into(), "stepladder".into()));
        let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://other:1/as/it/is");
        let timeout = ("OTEL_EXPORTER_OTLP_TIMEOUT", "250");
        let attributes = ("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-list,zone=a%20b, ,broken");
        let found = of(&none, &[base, traces, timeout, attributes]).expect("fine").expect("somewhere");
        assert_eq!((found.url.as_str(), found.patience), ("http://other:1/as/it/is", Duration::from_millis(250)));
        let told = |name: &str| found.resource.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!((told("service.name"), told("zone")), (Some("from-list"), Some("a b")));
        let named = of(&none, &[base, attributes, ("OTEL_SERVICE_NAME", "night")]).expect("fine").expect("somewhere");
        assert_eq!(named.resource[0].1, "night");
        let said = Telemetry {
            endpoint: Some("https://here".into()),
            service: Some("own".into()),
            timeout: Some(Span::from_secs(3)),
            attributes: vec![("zone".into(), "b".into())],
            ..Telemetry::default()
        };
        let found = of(&said, &[base, traces, timeout, attributes]).expect("fine").expect("somewhere");
        assert_eq!((found.url.as_str(), found.patience), ("https://here/v1/traces", Duration::from_secs(3)));
        assert_eq!((found.resource[0].1.as_str(), found.resource[2].1.as_str()), ("own", "b"));
    }

    #[test]
    fn what_is_switched_off_or_not_spoken_is_not_sent() {
        let (none, base) = (Telemetry::default(), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4317"));
        for off in [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")] {
            assert!(of(&none, &[base, off]).expect("fine").is_none(), "{off:?}");
        }
        let why = of(&none, &[base, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).expect_err("it is not spoken");
        assert!(why.contains("`grpc`") && why.contains("4318"), "{why}");
        let headers = ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Bearer%20abc,x-tenant=ops");
        let found = of(&none, &[base, headers]).expect("fine").expect("somewhere");
        assert_eq!(
            found.headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["Authorization", "x-tenant"]
        );
        assert!(of(&none, &[base, ("OTEL_EXPORTER_OTLP_HEADERS", "a={{ secrets.X }}")]).is_err());
    }
}
