//! What an owner and a keeper say to each other, and how it becomes bytes.
//!
//! A frame is two lengths (little-endian `u32`: of the JSON, of the bytes behind it), one JSON object,
//! and those bytes (standard input, which may be anything). Fields are only ever added, with defaults,
//! so that an owner can speak with a keeper of an older release; [`PROTOCOL`] grows when that is not enough.

use crate::base::limits::{MAX_FRAME, MAX_STDIN};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version this build speaks.
pub const PROTOCOL: u32 = 1;

/// What an owner says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Who is there. The first frame.
    Hello {
        /// The protocol the owner speaks.
        protocol: u32,
    },
    /// Start a child.
    Spawn(Box<Spawn>),
    /// Make ready for a child that is to be started as soon as its order is durable. Forgotten when the owner hangs up.
    Prepare(Box<Spawn>),
    /// Start a child that was made ready.
    Go {
        /// Which.
        attempt: String,
    },
    /// A child that was made ready will not be started.
    Never {
        /// Which.
        attempt: String,
    },
    /// Stop a child: TERM to its group, KILL after the grace.
    Stop {
        /// Which.
        attempt: String,
        /// How long it may take.
        grace_ms: u64,
    },
    /// Name every attempt that is not forgotten.
    List,
    /// The owner has heard how these ended: they need not be listed any more. Their records stay.
    Forget {
        /// Which.
        attempts: Vec<String>,
    },
}

/// What a keeper says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tell {
    /// Who is here. The first frame.
    Hello {
        /// The protocol the keeper speaks.
        protocol: u32,
        /// The build it is of.
        build: String,
        /// Its process.
        pid: i32,
    },
    /// The attempt is taken; `process` is `None` when the child could not be started (its end follows).
    Spawned {
        /// Which.
        attempt: String,
        /// The child.
        process: Option<Process>,
    },
    /// The attempt is not taken, and nothing was started.
    Refused {
        /// Which.
        attempt: String,
        /// Why.
        why: String,
    },
    /// The attempt is over; its record says the same.
    Ended {
        /// Which.
        attempt: String,
        /// How.
        exit: Box<Exit>,
    },
    /// Every attempt that is not forgotten.
    Listed {
        /// In the order of their ids.
        attempts: Vec<Listed>,
    },
    /// The frame made no sense to this keeper.
    Unknown {
        /// Why.
        why: String,
    },
}

/// An attempt to start.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Spawn {
    /// Its id; refused when it was ever seen.
    pub attempt: String,
    /// The command and its arguments; looked up in the `PATH` of `env` when it has no slash.
    pub argv: Vec<String>,
    /// Exactly the environment.
    pub env: Vec<(String, String)>,
    /// The working directory.
    pub cwd: String,
    /// Whether standard input is given (the bytes travel behind the frame); else it is `/dev/null`.
    pub stdin: bool,
    /// How long it may take, on a clock that goes on while the machine sleeps.
    pub deadline_ms: Option<u64>,
    /// From TERM to KILL, past the deadline.
    pub grace_ms: u64,
    /// Bytes kept of each of standard output and error.
    pub output_limit: u64,
    /// What must not be seen in them.
    pub masks: Vec<String>,
    /// The stem of its files: `<stem>.stdout` is what it prints; its record is in the log of the directory,
    /// which is made if need be, 0700.
    pub stem: String,
    /// Whether what it writes on descriptor 3 is kept, unmasked, as `result`.
    pub result: bool,
    /// Whether the owner does not want to hear that it was taken, only how it ended.
    pub quiet: bool,
}

/// A process that can't be mistaken for another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since boot.
    pub start_time: u64,
    /// The boot it belongs to.
    pub boot_id: String,
}

/// One line of [`Tell::Listed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// The attempt.
    pub attempt: String,
    /// The stem of its files.
    pub stem: String,
    /// How it ended; `None` = it runs.
    pub exit: Option<Exit>,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "a record of independent facts, not a state")]
pub struct Exit {
    /// Its exit status; 127 a command that was not found, 126 one that may not be executed.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Whether it was ended because its deadline had passed.
    pub timed_out: bool,
    /// Whether it was ended because the owner asked.
    pub stopped: bool,
    /// Standard output.
    pub stdout: StreamInfo,
    /// Standard error.
    pub stderr: StreamInfo,
    /// The pipe of descriptor 3.
    pub result: StreamInfo,
    /// Processor time in user code, with that of the children it waited for.
    pub user_ms: u64,
    /// Processor time in the kernel.
    pub system_ms: u64,
    /// Largest resident set; `None` = not known: the kernel counts from the keeper's own, and it was no larger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rss_kib: Option<u64>,
    /// From start to end.
    pub wall_ms: u64,
    /// Whether something it had started still held its output open 2 s after its end, and was cut off.
    pub lingering: bool,
    /// Why it could not be started.
    pub start_error: Option<String>,
    /// Whether starting it again may go better (no memory, no process numbers).
    pub retriable: bool,
}

/// What became of one stream of output.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamInfo {
    /// Bytes the child wrote.
    pub bytes_total: u64,
    /// Bytes kept, masked.
    pub bytes_kept: u64,
    /// Bytes not kept, masked: past the limit, or for the reason in `error`. The last of them are in a file of their own.
    pub bytes_dropped: u64,
    /// All of them where they are few; else they are in the stream's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where they are in a file, its checksum (CRC-32C); none of an older keeper, or where it was not there at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crc: Option<u32>,
    /// Why bytes below the limit are missing.
    pub error: Option<String>,
}

/// A frame that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the other side of the keeper's socket sent {0}")]
pub struct BadFrame(pub String);

/// One message as a frame.
///
/// # Errors
/// [`BadFrame`] when it is longer than a frame may be.
pub fn encode<T: Serialize>(message: &T, blob: &[u8]) -> Result<Vec<u8>, BadFrame> {
    let json = serde_json::to_vec(message).map_err(|error| BadFrame(error.to_string()))?;
    let too_long = |_| BadFrame("a frame that is too long".into());
    check(json.len(), blob.len())?;
    let mut frame = Vec::with_capacity(8 + json.len() + blob.len());
    frame.extend_from_slice(&u32::try_from(json.len()).map_err(too_long)?.to_le_bytes());
    frame.extend_from_slice(&u32::try_from(blob.len()).map_err(too_long)?.to_le_bytes());
    frame.extend_from_slice(&json);
    frame.extend_from_slice(blob);
    Ok(frame)
}

/// Takes the first whole frame off the front of `bytes`; `None` = it is not all there yet.
///
/// # Errors
/// [`BadFrame`] when what is there can be no frame: the connection is of no use any more.
pub fn take<T: DeserializeOwned>(bytes: &mut Vec<u8>) -> Result<Option<(T, Vec<u8>)>, BadFrame> {
    let Some(head) = bytes.first_chunk::<8>() else { return Ok(None) };
    let length = |part: &[u8]| part.iter().rev().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    let (json, blob) = (length(&head[..4]), length(&head[4..]));
    check(json, blob)?;
    if bytes.len() < 8 + json + blob {
        return Ok(None);
    }
    let message = serde_json::from_slice(&bytes[8..8 + json]);
    let rest = bytes[8 + json..8 + json + blob].to_vec();
    bytes.drain(..8 + json + blob);
    match message {
        Ok(message) => Ok(Some((message, rest))),
        Err(error) => Err(BadFrame(format!("a message that is unknown here: {error}"))),
    }
}

fn check(json: usize, blob: usize) -> Result<(), BadFrame> {
    if json > MAX_FRAME || blob > MAX_STDIN {
        return Err(BadFrame(format!("a frame of {json} + {blob} bytes, more than {MAX_FRAME} + {MAX_STDIN}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_cut_where_they_end() {
        let first = Ask::Stop { attempt: "a".into(), grace_ms: 5 };
        let second = Ask::Spawn(Box::new(Spawn { attempt: "b".into(), stdin: true, ..Spawn::default() }));
        let mut wire = encode(&first, b"").expect("short");
        wire.extend(encode(&second, b"\0in\xff").expect("short"));
        let mut bytes = Vec::new();
        let mut got = Vec::new();
        for byte in wire {
            bytes.push(byte);
            got.extend(take::<Ask>(&mut bytes).expect("a frame"));
        }
        assert_eq!(got, [(first, vec![]), (second, b"\0in\xff".to_vec())]);
        assert_eq!(bytes, b"");
    }

    #[test]
    fn what_is_no_frame_is_said_so() {
        let shown = |bytes: &[u8]| take::<Ask>(&mut bytes.to_vec()).map_err(|error| error.to_string());
        assert_eq!(shown(b"1234567"), Ok(None));
        assert!(shown(b"\xff\xff\xff\xff\0\0\0\0").is_err_and(|error| error.contains("4294967295 + 0 bytes")));
        assert!(shown(b"\x02\0\0\0\0\0\0\0{}").is_err_and(|error| error.contains("unknown here")));
    }

    #[test]
    fn an_exit_of_an_older_keeper_is_read() {
        let exit: Exit = serde_json::from_str(r#"{"code":0,"stdout":{"bytes_total":3}}"#).expect("defaults");
        assert_eq!((exit.code, exit.stdout.bytes_total, exit.retriable), (Some(0), 3, false));
    }
}
