//! How the private server is tuned: durable, small, quick to forget.

use std::path::Path;

use super::Keep;

/// For every cluster. Given on the command line, so that a newer program brings its own values to an older cluster.
const SETTINGS: [(&str, &str); 17] = [
    // Reached through the socket alone.
    ("listen_addresses", ""),
    ("port", "5432"),
    ("unix_socket_permissions", "0700"),
    ("max_connections", "100"),
    // A queue's hot part is small; the machine is shared with the engine.
    ("shared_buffers", "128MB"),
    ("jit", "off"),
    ("random_page_cost", "1.1"),
    // A bulk enqueue writes much in a short time: spread its checkpoints.
    ("wal_compression", "on"),
    ("min_wal_size", "256MB"),
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "15min"),
    ("checkpoint_completion_target", "0.9"),
    // Queue rows live for seconds; the dead ones must not pile up.
    ("autovacuum_naptime", "10s"),
    ("autovacuum_vacuum_cost_limit", "1000"),
    ("timezone", "UTC"),
    ("log_timezone", "UTC"),
    ("log_line_prefix", "%m [%p] "),
];

/// The promise "nothing is lost" stands on these.
const DURABLE: [(&str, &str); 3] = [
    ("fsync", "on"),
    ("synchronous_commit", "on"),
    ("full_page_writes", "on"),
];

/// Nobody will read this data after a power cut.
const THROW_AWAY: [(&str, &str); 6] = [
    ("fsync", "off"),
    ("synchronous_commit", "off"),
    ("full_page_writes", "off"),
    // A database made for one test is copied through the log; compressing that costs more than the copy.
    ("wal_compression", "off"),
    // Its log may lie in memory.
    ("min_wal_size", "64MB"),
    ("max_wal_size", "512MB"),
];

/// The settings as server arguments; the caller's come last and win.
pub(super) fn arguments(keep: Keep, socket: &Path, own: &[(String, String)]) -> Vec<String> {
    let durability: &[_] = match keep {
        Keep::Durable => &DURABLE,
        Keep::ThrowAway => &THROW_AWAY,
    };
    let mut settings: Vec<_> = SETTINGS.iter().chain(durability).map(pair).collect();
    settings.push(format!("unix_socket_directories={}", socket.display()));
    settings.extend(own.iter().map(|(name, value)| format!("{name}={value}")));
    settings
        .into_iter()
        .flat_map(|setting| ["-c".to_owned(), setting])
        .collect()
}

fn pair((name, value): &(&str, &str)) -> String {
    format!("{name}={value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_durable_cluster_waits_for_the_disk_and_a_throw_away_one_does_not() {
        let durable = arguments(Keep::Durable, Path::new("/run/x"), &[]);
        let throw_away = arguments(Keep::ThrowAway, Path::new("/run/x"), &[]);
        assert!(durable.contains(&"fsync=on".to_owned()));
        assert!(durable.contains(&"synchronous_commit=on".to_owned()));
        assert!(throw_away.contains(&"fsync=off".to_owned()));
    }

    #[test]
    fn the_callers_settings_come_last_because_the_last_one_wins() {
        let own = [("shared_buffers".to_owned(), "1GB".to_owned())];
        let all = arguments(Keep::Durable, Path::new("/run/x"), &own);
        assert_eq!(all.last().map(String::as_str), Some("shared_buffers=1GB"));
    }
}
