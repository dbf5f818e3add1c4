//! [`RuleArgs`]: the retention rules for checkpoints and backups.

use clap::Args;

use crate::{
    failure::Failure,
    retention::{Keep, Rules, Within},
    session::Result,
};

/// The options of the rules, named as in restic's `forget`.
#[derive(Args, Debug)]
pub(crate) struct RuleArgs {
    /// Keep the newest N. In every rule, `all` stands for an unlimited N.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_last: Option<Keep>,
    /// Keep the newest of each hour, for the last N hours that have one.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_hourly: Option<Keep>,
    /// Keep the newest of each day, for the last N days that have one.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_daily: Option<Keep>,
    /// Keep the newest of each week, for the last N weeks that have one. Weeks begin on Monday.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_weekly: Option<Keep>,
    /// Keep the newest of each month, for the last N months that have one.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_monthly: Option<Keep>,
    /// Keep the newest of each year, for the last N years that have one.
    #[arg(long, value_name = "N", help_heading = "Rules")]
    keep_yearly: Option<Keep>,
    /// Keep all that are less than this much older than the newest one, such as 7d or 1y6m (m is for months).
    #[arg(long, value_name = "LENGTH", help_heading = "Rules")]
    keep_within: Option<Within>,
}

impl RuleArgs {
    /// Returns the given rules.
    pub(crate) fn rules(&self) -> Result<Rules> {
        let given = |keep: Option<Keep>| keep.filter(|keep| *keep != Keep::Count(0));
        let rules = Rules {
            last: given(self.keep_last),
            hourly: given(self.keep_hourly),
            daily: given(self.keep_daily),
            weekly: given(self.keep_weekly),
            monthly: given(self.keep_monthly),
            yearly: given(self.keep_yearly),
            within: self.keep_within,
        };
        if !rules.is_empty() {
            return Ok(rules);
        }
        Err(Failure::usage("no rule was given, so nothing would be kept")
            .hint("give at least one rule, such as --keep-daily 7"))
    }
}
