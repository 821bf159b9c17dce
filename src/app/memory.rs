//! How much memory this process may use.
//!
//! Owns the reading of limits that the system sets: control groups of both versions, and the limit on address space.
//! Promises: the smallest of them, or `None` where none is set or none can be read. What to do with it is `desk`'s.

use std::fs;

/// A value as large as this is how version 1 of control groups says "no limit".
const NO_LIMIT: u64 = 1 << 60;

/// The smallest limit, in octets.
pub(super) fn limit() -> Option<u64> {
    let process = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let of_groups = group_files(&groups)
        .into_iter()
        .filter_map(|path| fs::read_to_string(path).ok())
        .filter_map(|text| number(&text));
    of_groups.chain(address_space(&process)).min()
}

/// Where the limits of these control groups stand, those of the groups around them included.
fn group_files(groups: &str) -> Vec<String> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (_, Some(kinds), Some(mut path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (root, file) = match kinds {
            "" => ("/sys/fs/cgroup", "memory.max"),
            kinds if kinds.split(',').any(|kind| kind == "memory") => {
                ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            }
            _ => continue,
        };
        loop {
            path = path.trim_end_matches('/');
            files.push(format!("{root}{path}/{file}"));
            let Some((around, _)) = path.rsplit_once('/') else {
                break;
            };
            path = around;
        }
    }
    files
}

fn address_space(limits: &str) -> Option<u64> {
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max address space"))?;
    number(line.split_whitespace().next()?)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|limit| *limit < NO_LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_limited_by_those_around_it() {
        let files = [
            "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/a/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        ];
        assert_eq!(group_files("5:devices:/\n4:memory:/a/b\n"), files);
        assert_eq!(group_files("0::/a\n")[0], "/sys/fs/cgroup/a/memory.max");
    }

    #[test]
    fn no_limit_is_no_number() {
        let limits = "Max cpu time  unlimited unlimited seconds\nMax address space         1000 2000 bytes\n";
        assert_eq!(address_space(limits), Some(1000));
        assert_eq!(
            address_space("Max address space unlimited unlimited bytes"),
            None
        );
        assert_eq!(number("max\n"), None);
        assert_eq!(number("9223372036854771712\n"), None);
        assert_eq!(number("1073741824\n"), Some(1 << 30));
    }
}
