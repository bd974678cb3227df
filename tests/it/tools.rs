//! Programs of others that tests run: what becomes of a test where one is not there.
//!
//! A test that quietly does nothing shows nothing. Where everything has to be there (`CI` is set) a missing program is a
//! failure that names its Debian package; elsewhere it is said that the test was skipped.

/// Programs, and the Debian package that each is in; `.ci/run` installs them.
const PACKAGES: &[(&str, &str)] = &[
    ("aiosmtpd", "python3-aiosmtpd"),
    ("amtool", "prometheus-alertmanager"),
    ("bash", "bash"),
    ("chromedriver", "chromium-driver"),
    ("chromium", "chromium"),
    ("dbus-daemon", "dbus"),
    ("faketime", "faketime"),
    ("nginx", "nginx-light"),
    ("openssl", "openssl"),
    ("postgres", "postgresql"),
    ("prometheus", "prometheus"),
    ("prometheus-alertmanager", "prometheus-alertmanager"),
    ("promtool", "prometheus"),
    ("redis-server", "redis-server"),
    ("sipp", "sip-tester"),
    ("strace", "strace"),
];

/// What comes from another registry: `.ci/run` puts it below `target/tools`.
const ELSEWHERE: &[(&str, &str)] = &[
    ("s3rver", "npm install --prefix target/tools/s3 s3rver@3.7.1"),
    ("opentelemetry-proto", "python3 -m pip install --target target/tools/otel opentelemetry-proto==1.45.2"),
];

/// What is said of a program that is not there.
fn sentence(program: &str) -> String {
    if let Some((_, command)) = ELSEWHERE.iter().find(|(name, _)| *name == program) {
        return format!("{program} is not installed: {command}");
    }
    let package = PACKAGES.iter().find(|(name, _)| *name == program).map(|(_, package)| *package);
    let package = package.unwrap_or_else(|| panic!("`{program}` is in no package that `.ci/run` installs"));
    format!("{program} is not installed: apt-get install {package}")
}

/// Says that a test is skipped for want of a program; where everything has to be there, that is a failure.
pub(crate) fn missing(program: &str) {
    let why = sentence(program);
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("SKIPPED: {why}");
}

/// Says that a test is skipped since this machine does not permit what it needs.
pub(crate) fn not_permitted(what: &str) {
    println!("SKIPPED: {what}");
}

/// Whether a program is there, in any of the places where Debian puts them; said where it is not.
pub(crate) fn there(program: &str) -> bool {
    let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/local/bin", "/usr/local/sbin"]
        .iter()
        .any(|directory| std::path::Path::new(directory).join(program).exists());
    if !found {
        missing(program);
    }
    found
}

#[test]
fn what_is_missing_is_named_with_its_package_and_the_package_is_installed_by_ci() {
    assert_eq!(sentence("sipp"), "sipp is not installed: apt-get install sip-tester");
    let ci = std::fs::read_to_string(crate::rust_text::root().join(".ci/run")).unwrap();
    let list = ci.lines().find_map(|line| line.strip_prefix("packages=(")).unwrap().trim_end_matches(')');
    for (program, package) in PACKAGES {
        assert!(list.split(' ').any(|installed| installed == *package), "{program}: `{package}` is not in .ci/run");
    }
    for (program, _) in ELSEWHERE {
        assert!(ci.contains(program), "{program}: .ci/run does not install it");
    }
    // Nobody has a way of their own to pass for want of a program.
    for (path, text) in crate::rust_text::files("tests", "rs") {
        if path != "tests/it/tools.rs" {
            let own =
                text.lines().find(|line| line.contains("println!(\"SKIPPED") || line.contains("println!(\"skipped"));
            assert_eq!(own, None, "{path}: `tools::missing` and `tools::not_permitted` say what is skipped");
        }
    }
}
