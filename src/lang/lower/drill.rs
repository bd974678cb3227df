//! `drill:` of `escalation.yaml`: when everybody is sent a marked test page, and what counts as proof.

use crate::base::span::Span;
use crate::diagnostic::Code;
use crate::lang::decode::{Ctx, Fields};
use crate::lang::lower::escalation::{names, string, texts};
use crate::lang::lower::policy::span;
use crate::model::cron::Pattern;
use crate::model::escalation::{Drill, STALE_AFTER};
use jiff::tz::TimeZone;

/// The drill; `None` where there is none, or its expression is reported. `zone` is the ladder's.
pub(super) fn drill(ctx: &mut Ctx, fields: &Fields<'_>, zone: &TimeZone) -> Option<Drill> {
    let param = fields.param("drill")?;
    let cron = string(param, "cron")?;
    let positive = |key: &str| param.get(key).and_then(span).filter(|span| *span > Span::ZERO);
    let wrong = match Pattern::parse(&cron) {
        Ok(pattern) if pattern.next(jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0)).is_some() => {
            return Some(Drill {
                pattern,
                zone: zone.clone(),
                who: texts(param.get("who")),
                channels: names(param.get("channels")),
                confirm_within: positive("confirm_within"),
                stale_after: positive("stale_after").unwrap_or(STALE_AFTER),
            });
        }
        Ok(_) => format!("`{cron}` never comes: no such day exists"),
        Err(bad) => format!("`{cron}` is not a cron expression: {bad}"),
    };
    if let Some(node) = fields.node("drill").and_then(|node| node.get("cron")) {
        let help = "the fields are: minute hour day-of-month month day-of-week, as in `0 11 * * mon`";
        ctx.error_help(Code::BadCron, node.spot, wrong, help);
    }
    None
}
