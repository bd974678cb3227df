//! Mail: the guide's subject and body, text and HTML, over STARTTLS or TLS with a login.

use crate::act::channel::wire::{later, refused};
use crate::act::channel::{Sending, form};
use crate::act::trust::{explain, read_pem};
use crate::base::digest::Digest;
use crate::model::defaults;
use crate::model::message::{Message, Sent};
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, Mailboxes, MultiPart};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::error::Error as _;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// How long the server may take for one line of the dialogue.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn send(sending: &Sending<'_>) -> Sent {
    let mail = match mail(sending) {
        Ok(mail) => mail,
        Err(why) => return refused(why),
    };
    let transport = match transport(sending) {
        Ok(transport) => transport,
        Err(why) => return refused(why),
    };
    match transport.send(mail).await {
        Ok(answer) => Sent::Accepted { id: answer.first_line().map(form::line).filter(|line| !line.is_empty()) },
        Err(error) => judged(&error),
    }
}

/// What went wrong: the server's own words where it said some.
fn judged(error: &Error) -> Sent {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return bad_tls(tls);
        }
        if let Some(tls) = cause.downcast_ref::<std::io::Error>().and_then(wrapped) {
            return bad_tls(tls);
        }
        let said = cause.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        next = cause.source();
    }
    let words = form::cut(&form::line(&words), 300);
    match error.status() {
        Some(code) if error.is_permanent() => refused(format!("the mail server says {code}: {words}")),
        Some(code) => later(format!("the mail server says {code}: {words}"), None),
        None if error.is_client() || error.is_tls() => refused(format!("mail can't be sent: {words}")),
        None => later(format!("mail can't be sent now: {words}"), None),
    }
}

/// An io error hides what it wraps from `source`.
fn wrapped(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// A certificate that is not trusted is not trusted in a minute either.
fn bad_tls(error: &rustls::Error) -> Sent {
    let words = format!("the mail server: {}", explain(error));
    if matches!(error, rustls::Error::InvalidCertificate(_)) { refused(words) } else { later(words, None) }
}

fn transport(sending: &Sending<'_>) -> Result<AsyncSmtpTransport<Tokio1Executor>, String> {
    let args = &sending.args;
    let server = args.text("smtp").unwrap_or_default();
    let tls = args.text("tls").unwrap_or_else(|| defaults::MAIL_TLS.into());
    let usual = if tls == "tls" { 465 } else { 587 };
    let (host, port) = match server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().map_err(|_| format!("`{server}` is no `host:port`"))?),
        None => (server.as_str(), usual),
    };
    if host.is_empty() {
        return Err("`smtp` names no mail server".into());
    }
    let tls = match tls.as_str() {
        "none" => Tls::None,
        "tls" => Tls::Wrapper(parameters(host, sending)?),
        _ => Tls::Required(parameters(host, sending)?),
    };
    let mut builder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host).port(port).tls(tls).timeout(Some(PATIENCE));
    if let (Some(user), Some(password)) = (args.text("username"), args.text("password")) {
        builder = builder.credentials(Credentials::new(user, password));
    }
    Ok(builder.build())
}

/// The system's certificates and those of `ca`, and no others; never an unverified one.
fn parameters(host: &str, sending: &Sending<'_>) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(host.to_owned()).certificate_store(CertificateStore::None);
    let mut trusted = rustls_native_certs::load_native_certs().certs;
    if let Some(ca) = sending.args.text("ca") {
        trusted.extend(read_pem(&sending.world.path(&ca)).map_err(|failure| failure.message)?);
    }
    for certificate in trusted {
        // One that can't be read vouches for nobody.
        if let Ok(certificate) = Certificate::from_der(certificate.to_vec()) {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(|error| format!("TLS can't be set up: {error}"))
}

/// The mail. Every header is made by the library from one line of text, so that nothing in a value ends a header.
fn mail(sending: &Sending<'_>) -> Result<lettre::Message, String> {
    let message = sending.message;
    let from = sender(sending)?;
    let to: Mailboxes = form::line(&sending.to).parse().map_err(|error| format!("`{}`: {error}", sending.to))?;
    let domain = from.email.domain().to_owned();
    let own = format!("<{}.{}>", id(&[&message.key, &sending.to]), at(&domain));
    let mut builder = lettre::Message::builder()
        .from(from)
        .subject(subject(message))
        .date(SystemTime::from(sending.world.now))
        .message_id(Some(own))
        .raw_header(raw("X-Stepladder-Key", &message.key))
        // Nobody's absence is told to a machine.
        .raw_header(raw("Auto-Submitted", "auto-generated"));
    for one in to {
        builder = builder.to(one);
    }
    if let Some(thread) = &message.thread {
        // A root that was never sent holds the mails of a thread together, whichever of them is lost.
        let root = format!("<{}.{}>", id(&[thread]), at(&domain));
        builder = builder.in_reply_to(root.clone()).references(root);
    }
    let body = MultiPart::alternative_plain_html(text(message), html(message));
    builder.multipart(body).map_err(|error| format!("no mail can be made of it: {error}"))
}

fn sender(sending: &Sending<'_>) -> Result<Mailbox, String> {
    let args = &sending.args;
    let user = args.text("username").filter(|user| user.contains('@'));
    let host = args.text("smtp").unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host.as_str(), |(host, _)| host).to_owned();
    let from = args.text("from").or(user).unwrap_or_else(|| format!("stepladder@{host}"));
    form::line(&from).parse().map_err(|error| format!("`from` of the channel, `{from}`: {error}"))
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), form::line(value))
}

fn id(parts: &[&str]) -> String {
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
    Digest::of_parts(&parts).to_string().chars().take(32).collect()
}

/// The right side of a message's id.
fn at(domain: &str) -> String {
    format!("stepladder@{domain}")
}

/// `[SEVERITY] name`, as in the guide.
fn subject(message: &Message) -> String {
    format!("[{}] {}", form::severity(message).to_uppercase(), form::cut(&form::title(message), 200))
}

/// The guide's lines, then what else there is.
fn text(message: &Message) -> String {
    let mut text = format!(
        "Alert: {}\nSeverity: {}\nComponent: {}\nDescription: {}\nTimestamp: {}\n",
        form::title(message),
        form::severity(message),
        form::component(message),
        form::text(message),
        message.at
    );
    for (name, value) in form::others(message) {
        let _ = writeln!(text, "{name}: {value}");
    }
    text.push_str("\nPlease check the system dashboard for more details.\n");
    if let Some(link) = &message.link {
        let _ = writeln!(text, "{link}");
    }
    for action in &message.actions {
        if let Some(link) = &action.link {
            let _ = write!(text, "\n{}: {link}\n", action.label);
        }
    }
    text
}

/// The same for whoever reads HTML.
fn html(message: &Message) -> String {
    let mut rows = String::new();
    let facts = [
        ("Severity", form::severity(message)),
        ("Component", form::component(message).to_owned()),
        ("Timestamp", message.at.to_string()),
    ];
    let others = form::others(message).map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in facts.into_iter().chain(others) {
        let (name, value) = (escaped(name), escaped(&value));
        let _ = writeln!(rows, "<tr><th align=\"left\">{name}</th><td>{value}</td></tr>");
    }
    let mut links = String::new();
    let actions = message.actions.iter().filter_map(|action| Some((action.label.as_str(), action.link.as_deref()?)));
    for (label, link) in actions.chain(message.link.as_deref().map(|link| ("Details", link))) {
        let _ = writeln!(links, "<p><a href=\"{}\">{}</a></p>", escaped(link), escaped(label));
    }
    format!(
        "<!doctype html>\n<html><body>\n<h2 style=\"border-left: 6px solid {}; padding-left: 8px\">{}</h2>\n\
         <p style=\"white-space: pre-wrap\">{}</p>\n<table>\n{rows}</table>\n{links}\
         <p>Please check the system dashboard for more details.</p>\n</body></html>\n",
        form::colour(message.level),
        escaped(&form::title(message)),
        escaped(&form::text(message)),
    )
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::act::channel::tests::message;

    #[test]
    fn subject_and_body_are_the_guides() {
        let message = message();
        assert_eq!(subject(&message), "[P1] HighErrorRate <!channel>");
        let want = "Alert: HighErrorRate <!channel>\nSeverity: P1\nComponent: sip\nDescription: 5 % of calls fail\n\
                    Timestamp: 2026-12-25T00:00:00Z\nhost: a&b\n\n\
                    Please check the system dashboard for more details.\nhttps://steps.example/i/7\n\n\
                    Acknowledge: https://steps.example/a/tok4\n";
        assert_eq!(text(&message), want);
        let html = html(&message);
        assert!(html.contains("HighErrorRate &lt;!channel&gt;</h2>") && html.contains("<td>a&amp;b</td>"), "{html}");
        assert!(html.contains("<a href=\"https://steps.example/a/tok4\">Acknowledge</a>"), "{html}");
    }

    #[test]
    fn a_title_is_one_line_of_a_subject() {
        let mut message = message();
        message.title = "x\r\nBcc: everybody@example.com".into();
        assert_eq!(subject(&message), "[P1] x Bcc: everybody@example.com");
    }
}
