//! Invented traffic and the page of metrics about it: the guide's eleven, and the one its alert asks for.

use super::faults::{Fault, Faults};
use std::fmt::Write as _;

/// Upper bounds of the buckets for API calls, in seconds.
const API_BUCKETS: [f64; 8] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0];

/// Upper bounds of the buckets for calls, in seconds.
const CALL_BUCKETS: [f64; 6] = [30.0, 60.0, 120.0, 300.0, 600.0, 1_200.0];

/// Counts since the start, and the present state.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traffic {
    ticks: u64,
    requests: u64,
    failed_requests: u64,
    connections: u64,
    connection_errors: u64,
    sip_failures: u64,
    api: Histogram,
    calls: Histogram,
    audio: f64,
}

/// Observations in buckets.
#[derive(Debug, Clone, Default)]
struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
}

impl Histogram {
    fn observe(&mut self, bounds: &[f64], value: f64) {
        self.buckets.resize(bounds.len(), 0);
        for (bucket, _) in self.buckets.iter_mut().zip(bounds).filter(|(_, bound)| value <= **bound) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum += value;
    }

    fn write(&self, page: &mut String, name: &str, bounds: &[f64]) {
        for (place, bound) in bounds.iter().enumerate() {
            let count = self.buckets.get(place).copied().unwrap_or_default();
            let _ = writeln!(page, "{name}_bucket{{le=\"{bound}\"}} {count}");
        }
        let _ =
            writeln!(page, "{name}_bucket{{le=\"+Inf\"}} {0}\n{name}_sum {1}\n{name}_count {0}", self.count, self.sum);
    }
}

impl Traffic {
    /// One moment of the day: a few calls to the API, a connection, now and then a call.
    pub(crate) fn tick(&mut self, faults: &Faults) {
        self.ticks += 1;
        let slow = faults.on(Fault::HighLatency) || faults.on(Fault::SlowApi);
        for turn in 0..5 {
            let quick = 0.012 + 0.006 * wave(self.ticks * 5 + turn, 7);
            self.api.observe(&API_BUCKETS, if slow { 0.8 } else { quick });
            self.requests += 1;
        }
        self.failed_requests += u64::from(faults.on(Fault::Unavailable) || self.ticks.is_multiple_of(400));
        self.connections += 5;
        self.connection_errors += u64::from(faults.on(Fault::ConnectionErrors) || self.ticks.is_multiple_of(200));
        self.sip_failures += u64::from(faults.on(Fault::SipFailures));
        if self.ticks.is_multiple_of(10) {
            self.calls.observe(&CALL_BUCKETS, 150.0 + 200.0 * wave(self.ticks / 10, 5));
        }
        self.audio = if faults.on(Fault::PoorAudio) { 2.6 } else { 4.3 + 0.2 * wave(self.ticks, 30) };
    }

    /// Rooms open at present.
    fn rooms(&self) -> u64 {
        3 + self.ticks / 10 % 4
    }

    /// The text of `/metrics`; the host's `cpu` and `memory`, in percent, are handed in.
    pub(crate) fn page(&self, cpu: f64, memory: f64) -> String {
        let mut page = String::new();
        let mut one = |name: &str, kind: &str, help: &str, samples: &[(&str, String)]| {
            let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for (labels, value) in samples {
                let _ = writeln!(page, "{name}{labels} {value}");
            }
        };
        let good = self.requests.saturating_sub(self.failed_requests);
        let requests = [("{status=\"200\"}", good.to_string()), ("{status=\"503\"}", self.failed_requests.to_string())];
        one("livekit_api_requests_total", "counter", "API requests since the start", &requests);
        one("livekit_rooms_active", "gauge", "Rooms open now", &[("", self.rooms().to_string())]);
        one(
            "livekit_participants_active",
            "gauge",
            "Participants in rooms now",
            &[("", (self.rooms() * 2).to_string())],
        );
        one(
            "livekit_connections_total",
            "counter",
            "Connections since the start",
            &[("", self.connections.to_string())],
        );
        let errors = self.connection_errors.to_string();
        one("livekit_connection_errors_total", "counter", "Connections that failed, since the start", &[("", errors)]);
        one("livekit_sip_calls_active", "gauge", "SIP calls now", &[("", (self.rooms() - 1).to_string())]);
        let failures = self.sip_failures.to_string();
        one("livekit_sip_call_failures_total", "counter", "SIP calls that failed, since the start", &[("", failures)]);
        one(
            "livekit_audio_quality_score",
            "gauge",
            "Mean opinion score, 1 to 5",
            &[("", format!("{:.2}", self.audio))],
        );
        one("livekit_system_cpu_usage", "gauge", "CPU in use, in percent", &[("", format!("{cpu:.1}"))]);
        one("livekit_system_memory_usage", "gauge", "Memory in use, in percent", &[("", format!("{memory:.1}"))]);
        one("livekit_api_request_duration_seconds", "histogram", "How long API requests took", &[]);
        self.api.write(&mut page, "livekit_api_request_duration_seconds", &API_BUCKETS);
        let _ = writeln!(page, "# HELP livekit_sip_call_duration_seconds How long SIP calls lasted");
        let _ = writeln!(page, "# TYPE livekit_sip_call_duration_seconds histogram");
        self.calls.write(&mut page, "livekit_sip_call_duration_seconds", &CALL_BUCKETS);
        page
    }
}

/// A triangle between 0 and 1 with that period: lively enough, and the same in every run.
fn wave(at: u64, period: u64) -> f64 {
    let turn = u32::try_from(at % (2 * period)).unwrap_or_default();
    let period = u32::try_from(period).unwrap_or(1);
    f64::from(turn.min(2 * period - turn)) / f64::from(period)
}
