//! A provider that answers by a script: good answers, refusals, garbage, slow bodies, silence.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a request was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    /// `POST /path`.
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// One answer.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Status, more header lines, body.
    Say(u16, &'static str, String),
    /// Whatever these bytes are.
    Bytes(&'static [u8]),
    /// A body that never ends, a byte a second.
    Slow,
    /// Nothing, ever.
    Silence,
}

/// Answers with a status and a body.
pub(crate) fn say(status: u16, body: &str) -> Answer {
    Answer::Say(status, "", body.into())
}

pub(crate) struct Fake {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    script: Arc<Mutex<Vec<Answer>>>,
}

impl Fake {
    /// Answers the first request with the first answer, and so on; the last one stays.
    pub(crate) fn start(script: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (asked, script) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(script)));
        let (seen, next) = (Arc::clone(&asked), Arc::clone(&script));
        // Ends with the process of the tests: nobody waits for it.
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, next) = (Arc::clone(&seen), Arc::clone(&next));
                std::thread::spawn(move || serve(stream, &seen, &next));
            }
        });
        Self { url, asked, script }
    }

    pub(crate) fn now_says(&self, script: Vec<Answer>) {
        *self.script.lock().unwrap() = script;
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn serve(mut stream: TcpStream, seen: &Mutex<Vec<Asked>>, script: &Mutex<Vec<Answer>>) {
    let Some(asked) = read(&stream) else { return };
    seen.lock().unwrap().push(asked);
    let answer = {
        let mut script = script.lock().unwrap();
        if script.len() > 1 { script.remove(0) } else { script[0].clone() }
    };
    match answer {
        Answer::Say(status, headers, body) => {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
            let _ = stream.write_all(format!("{head}{body}").as_bytes());
        }
        Answer::Bytes(bytes) => drop(stream.write_all(bytes)),
        Answer::Slow => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n");
            while stream.write_all(b"x").is_ok() {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        // Until the other side goes away.
        Answer::Silence => drop(stream.read(&mut [0; 1])),
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut asked = Asked { line: line.rsplit_once(' ')?.0.to_owned(), ..Asked::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut body = vec![0; asked.header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}
