//! The collection of metrics, told again to a real Prometheus.

use crate::book_for_real::place::{NGINX, Place};
use crate::monitoring::{Server, with};
use crate::owner::text;

#[test]
fn metrics_are_collected_for_real_and_prometheus_reads_them() {
    let Some(place) = Place::start() else { return };
    let collect = "runbooks/collect-livekit-metrics.yaml";
    place.write(
        collect,
        &with(
            &place.read(collect),
            &[
                ("every: 30s", "every: 1s"),
                (
                    "livekit:  { type: text, default: \"\"",
                    &format!("livekit:  {{ type: text, default: \"http://{}\"", place.livekit()),
                ),
            ],
        ),
    );
    let daemon = place.serve();
    let token = place.well("root", &["token", "create", "prometheus", "--role", "viewer"]);
    place.write("token", token.trim());
    place.write(
        "prometheus.yml",
        &format!(
            "global: {{ scrape_interval: 2s, scrape_timeout: 2s }}\nscrape_configs:\n  - job_name: stepladder\n    \
             authorization: {{ credentials_file: token }}\n    static_configs: [ {{ targets: ['127.0.0.1:{}'] }} ]\n",
            place.http
        ),
    );
    let file = |flag: &str, name: &str| format!("{flag}={}", place.path(name).display());
    let args = [file("--config.file", "prometheus.yml"), file("--storage.tsdb.path", "prometheus")];
    let Some(prometheus) = Server::start("prometheus", &args) else { return };

    let ran = place.run("collect-livekit-metrics", &[]);
    assert_eq!(ran.end(), "succeeded at ok, exit 0", "{}", ran.shown);
    // Rooms and people are the LiveKit server's own, the others those of the page.
    for (metric, low, high) in [
        ("livekit_rooms_active", 3.0, 3.0),
        ("livekit_participants_active", 3.0, 3.0),
        ("livekit_audio_quality_score", 4.3, 4.5),
        ("livekit_system_cpu_usage", 12.5, 12.5),
        ("livekit_connections_total", 5.0, 100_000.0),
    ] {
        let good = || prometheus.number(metric).is_some_and(|value| (low..=high).contains(&value));
        place.until(&format!("Prometheus knows {metric}"), good);
    }

    // No LiveKit server: the page's rooms count, and that it was asked in vain is a warning.
    let nobody = format!("livekit=http://{}", place.nobody());
    let ran = place.run("collect-livekit-metrics", &[&nobody]);
    assert_eq!(ran.end(), "succeeded at warning, exit 1", "{}", ran.shown);
    assert_eq!(["server", "by_page"].map(|step| ran.step(step)), ["failed warning", "succeeded ok"], "{}", ran.shown);

    // Callers hear gravel.
    place.fault("poor-audio");
    place.until("it is on the page", || place.metric("livekit_audio_quality_score ") < 3.0);
    let ran = place.run("collect-livekit-metrics", &[]);
    assert_eq!(ran.end(), "succeeded at critical, exit 2", "{}", ran.shown);

    // No page at all: the third time in a row it is an incident, as the runbook says.
    place.stop(NGINX);
    let ran = place.run("collect-livekit-metrics", &[]);
    assert_eq!(ran.end(), "failed at critical, exit 2", "{}", ran.shown);
    let incidents = || text(&place.stepladder(&["incidents", "--json"]).stdout);
    place.until("an incident is open", || incidents().contains("collect-livekit-metrics"));
    assert!(incidents().contains("\"P2\""), "{}", incidents());
    drop(daemon);
}
