//! Rendered shell lines, run by real shells: a value arrives as the value, byte for byte, and never becomes code.

use stepladder::base::arg::Landing;
use stepladder::base::value::{Map, Value};
use stepladder::expr::Scope;
use stepladder::template::Template;

/// Values that would do harm, were they ever read as code.
const NASTY: &[&str] = &[
    "$(touch HACKED)",
    "`touch HACKED`",
    "'; touch HACKED; '",
    "\"; touch HACKED; \"",
    "a\ntouch HACKED\n",
    "a\\",
    "\\'; touch HACKED #",
    "a' $(touch HACKED) 'b",
    "$HOME ${PATH} $1",
    "* ? [a] ~ {a,b}",
    "a & touch HACKED",
    "a | touch HACKED > x",
    "ünïcödé \u{202e} 💥",
    "!history ^a^b",
    "  spaces\tand\ttabs  ",
    "#comment",
    "a=b",
    "\u{1}\u{7f}\r",
    "EOF",
    ")",
    "''\"\"",
];

/// Runs the rendered lines with the real shell: what arrives as argument is the value, byte for byte, and nothing else ran.
#[test]
fn a_real_shell_reads_values_as_values() {
    let lines: &[(&str, &str)] = &[
        ("printf '%s' {{ x }}", ""),
        ("printf '%s' \"{{ x }}\"", ""),
        ("printf '%s' '{{ x }}'", ""),
        ("printf '%s' pre{{ x }}post", "w"),
        ("printf '%s' \"pre\"{{ x }}'post'", "w"),
        ("printf '%s' \"pre{{ x }}post\"", "w"),
        ("printf '%s' 'pre{{ x }}post'", "w"),
        ("V={{ x }}; printf '%s' \"$V\"", ""),
        ("V=\"{{ x }}\" sh -c 'printf %s \"$V\"'", ""),
        ("if test -n {{ x }}; then printf '%s' {{ x }}; fi", ""),
        ("case {{ x }} in zzz) echo no;; *) printf '%s' \"{{ x }}\";; esac", ""),
        ("Y=$(echo \"it's\") ; Y=$Y; printf '%s' {{ x }}", ""),
        ("cat >/dev/null <<'EOF'\nit's \"\nEOF\nprintf '%s' {{ x }} # done", ""),
        ("printf '%s' a\\ b{{ x }} >/dev/null; printf '%s' \"${HOME:+}{{ x }}\"", ""),
        ("for v in {{ x }}; do printf '%s' \"$v\"; done", ""),
        ("(printf '%s' {{ x }})", ""),
        ("{ printf '%s' {{ x }}; } 2>&1", ""),
        ("echo {{ x }} > /dev/null && printf '%s' {{ x }}", ""),
        ("{{#if x}}printf '%s' {{ x }}{{/if}}", ""),
        ("printf '%s' \"$(printf '')\"{{ x }}", ""),
        ("printf '%s' $'a' >/dev/null; printf '%s' {{ x }}", ""),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for shell in ["sh", "bash"] {
        for (line, around) in lines {
            let template =
                Template::compile(line, Landing::ShellWord).unwrap_or_else(|error| panic!("{line}: {error:?}"));
            for value in NASTY {
                let scope = Scope::of(Map::from_iter([("x".to_owned(), Value::from(*value))]));
                let rendered = template.render(&scope).unwrap_or_else(|error| panic!("{line}: {error}"));
                let run = std::process::Command::new(shell)
                    .args(["-eu", "-c", &rendered.whole().expect("no secrets")])
                    .current_dir(folder.path())
                    .env("V", "")
                    .output()
                    .expect(shell);
                let want = if around.is_empty() { (*value).to_owned() } else { format!("pre{value}post") };
                assert_eq!(String::from_utf8_lossy(&run.stdout), want, "{shell}: {rendered} {run:?}");
                assert!(!folder.path().join("HACKED").exists(), "{shell}: {rendered}");
            }
        }
    }
}
