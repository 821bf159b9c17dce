//! Limits of the brakes, well and badly.

use super::{check, told};

#[test]
fn brakes_stop_where_they_are_set() {
    assert_eq!(told("[brakes]\nenabled = false\n"), "fine");
    assert_eq!(told("[brakes]\nspam_warn = 2\nspam_stop = 2.0\n"), "fine");
    check(
        "[brakes]\ncomplaints_stop = 0.05\n",
        "postrider.toml:2: brakes.complaints_stop: must not be less than brakes.complaints_warn",
    );
    check(
        "[brakes]\nhard_bounces_warn = 0\n",
        "postrider.toml:2: brakes.hard_bounces_warn: must be from 0.001 to 100 per cent",
    );
    check(
        "[brakes]\nspam_stop = 101\n",
        "postrider.toml:2: brakes.spam_stop: must be from 0.001 to 100 per cent",
    );
    check(
        "[brakes]\nspam_stop = nan\n",
        "postrider.toml:2: brakes.spam_stop: must be from 0.001 to 100 per cent",
    );
    check(
        "[brakes]\ndays = 0\n",
        "postrider.toml:2: brakes.days: must be from 1 to 30",
    );
}
