//! A Python with dkimpy in it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// dkimpy verifies RSA alone and Ed25519 through `PyNaCl`. Its DNS library is left out: records come from a file.
const PACKAGES: [&[&str]; 2] = [&["--no-deps", "dkimpy==1.1.8"], &["pynacl==1.5.0"]];

/// The interpreter, with the packages installed; `None` where there is no Python at all.
pub(crate) fn interpreter() -> Option<PathBuf> {
    if can_import(Path::new("python3")) {
        return Some("python3".into());
    }
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dkimpy-1.1.8");
    let python = venv.join("bin/python");
    if can_import(&python) {
        return Some(python);
    }
    // A half-made environment of an interrupted run is thrown away.
    let _ = fs::remove_dir_all(&venv);
    let made = Command::new("python3")
        .args(["-m", "venv"])
        .arg(&venv)
        .output();
    succeed(&made.ok()?, "making a Python environment");
    for packages in PACKAGES {
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ];
        let installed = Command::new(&python)
            .args(pip)
            .args(packages)
            .output()
            .unwrap();
        succeed(&installed, "installing dkimpy");
    }
    assert!(
        can_import(&python),
        "dkimpy is installed but cannot be imported"
    );
    Some(python)
}

fn can_import(python: &Path) -> bool {
    let probe = Command::new(python)
        .args(["-c", "import dkim, nacl"])
        .output();
    probe.is_ok_and(|output| output.status.success())
}

pub(crate) fn succeed(output: &Output, doing: &str) {
    assert!(
        output.status.success(),
        "{doing}: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
