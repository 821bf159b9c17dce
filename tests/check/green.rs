//! An operator with an empty DNS zone reaches a clean check by following only what the program prints.
//!
//! The program, the listener, the HTTP interface, the name server and the web server with its certificate are real; the test
//! plays the operator, who reads the printed text and types what it says, and the DNS host, who publishes whole lines.

use std::{
    collections::HashMap,
    fs,
    net::{SocketAddr, TcpListener as StdListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use postrider::{
    app::check::{check, subject},
    check::{Level, report},
    config::Config,
    mail::Domain,
    net::{Inquirer, SystemClock},
    port::Clock,
    sim::{Plan, SmallInternet},
};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{support, world::resolver};

/// The operator's file, as the questions of `config check` lead to it.
fn file(dns: SocketAddr, http: u16, smtp: u16, clock: u16) -> String {
    format!(
        r#"
http.listen = "127.0.0.1:{http}"
smtp.sources = [{{ name = "s1", public_address = "192.0.2.10", ehlo = "mx1.example.com" }}]
dns.servers = ["{dns}"]
[identity]
return_path_domain = "bounce.example.com"
message_id_domain = "example.com"
unsubscribe_url = "https://u.example.com/o/"
unsubscribe_domain = "unsub.example.com"
feedback_domain = "fbl.example.com"
list_domain = "list.example.com"
sender_id = "examplemail"
[inbound]
smtp = ["127.0.0.1:{smtp}"]
host = "mx.example.com"
[check]
time_server = "127.0.0.1:{clock}"
"#
    )
}

fn free_port() -> u16 {
    StdListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub(crate) struct Operator {
    folder: tempfile::TempDir,
    pub(crate) internet: SmallInternet,
    database: support::TestDatabase,
    ports: [u16; 2],
    inquirer: Inquirer,
    server: Option<Child>,
    web: JoinSet<()>,
    acceptor: TlsAcceptor,
    proxy: u16,
    story: Vec<String>,
}

impl Drop for Operator {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = kill(Pid::from_raw(server.id().cast_signed()), Signal::SIGTERM);
            let _ = server.wait();
        }
    }
}

/// A root that the world trusts and a certificate of the web server under it.
fn certificate() -> (RootCertStore, TlsAcceptor) {
    let issued = rcgen::generate_simple_self_signed(["u.example.com".to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(issued.cert.der().clone()).unwrap();
    let key = PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let crypto = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(crypto)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], PrivateKeyDer::Pkcs8(key))
        .unwrap();
    (roots, TlsAcceptor::from(Arc::new(config)))
}

impl Operator {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        std::os::unix::fs::symlink(templates, folder.path().join("templates")).unwrap();
        let internet = SmallInternet::start(Plan::empty(1)).await.unwrap();
        // An empty zone: delegated, nothing in it.
        internet
            .publish_zone(
                "example.com. SOA ns.example.com. hostmaster.example.com. 1 3600 600 86400 60",
            )
            .unwrap();
        let (http, smtp, proxy) = (free_port(), free_port(), free_port());
        let (roots, acceptor) = certificate();
        let at = |port: u16| SocketAddr::from(([192, 0, 2, 10], port));
        let here = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let inquirer = Inquirer {
            dns: resolver(&internet),
            roots,
            reroute: HashMap::from([(at(25), here(smtp)), (at(443), here(proxy))]),
        };
        let mut web = JoinSet::new();
        let clock = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let text = file(
            internet.dns(),
            http,
            smtp,
            clock.local_addr().unwrap().port(),
        );
        web.spawn(tell_time(clock));
        fs::write(folder.path().join("postrider.toml"), text).unwrap();
        let database = support::empty_database().await;
        Self {
            folder,
            internet,
            database,
            ports: [http, smtp],
            inquirer,
            server: None,
            web,
            acceptor,
            proxy,
            story: Vec::new(),
        }
    }

    pub(crate) fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_postrider"));
        let words = line.split_whitespace();
        command
            .args(words)
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
            .env_remove("POSTRIDER_DATABASE_URL")
            .env("DATABASE_URL", self.database.url());
        command
    }

    pub(crate) fn run(&mut self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {said}");
        self.story.push(format!("ran {line}"));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `postrider check` prints in this world.
    pub(crate) async fn check(&self) -> (Level, String) {
        let config = self.config();
        let domain = Domain::parse("example.com").unwrap();
        let subject = subject(&config, &domain).unwrap();
        let checked = check(&subject, &self.inquirer, SystemClock.now()).await;
        let grave = checked
            .findings
            .iter()
            .filter(|finding| finding.rule.level > Level::Note);
        (
            checked.worst(),
            grave.map(report::paragraph).collect::<Vec<_>>().join("\n"),
        )
    }

    fn config(&self) -> Config {
        let at = |path: &Path| self.folder.path().join(path);
        let mut config = Config::load(&at(Path::new("postrider.toml"))).unwrap();
        config.data_folder = at(&config.data_folder);
        config.dkim.folder = at(&config.dkim.folder);
        config
    }

    /// Does each line that begins with `fix`; knows nothing else.
    async fn follow(&mut self, text: &str) -> usize {
        let mut done = 0;
        let lines: Vec<String> = text.lines().map(str::trim).map(str::to_owned).collect();
        for fix in lines.iter().filter_map(|line| line.strip_prefix("fix ")) {
            let fix = fix.trim();
            if let Some(line) = fix.strip_prefix("publish") {
                self.publish(line.trim());
            } else if let Some(line) = fix.strip_prefix("remove") {
                self.internet.withdraw_zone(line.trim()).unwrap();
            } else if let Some(line) = fix.strip_prefix("run") {
                let line = line.trim().strip_prefix("postrider ").unwrap().to_owned();
                self.run(&line);
            } else if fix.contains("inbound.smtp") {
                self.serve().await;
            } else if fix.contains("web server") {
                self.serve().await;
                self.open_web_server().await;
            } else {
                continue;
            }
            done += 1;
        }
        done
    }

    fn publish(&mut self, line: &str) {
        self.story.push(format!("published {line}"));
        let mut words = line.split_whitespace();
        let (name, kind) = (words.next().unwrap(), words.nth(1).unwrap());
        if !matches!(kind, "A" | "AAAA") {
            self.internet.withdraw(name, kind);
        }
        self.internet.publish_zone(line).unwrap();
    }

    async fn serve(&mut self) {
        if self.server.is_some() {
            return;
        }
        let log = fs::File::create(self.folder.path().join("serve.log")).unwrap();
        let mut command = self.command("serve");
        let server = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.server = Some(server);
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", self.ports[1]))
                .await
                .is_ok()
            {
                self.story.push("started postrider serve".to_owned());
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!(
            "{}",
            fs::read_to_string(self.folder.path().join("serve.log")).unwrap()
        );
    }

    /// TLS in front of the HTTP interface.
    async fn open_web_server(&mut self) {
        let Ok(listener) = TcpListener::bind(("127.0.0.1", self.proxy)).await else {
            return;
        };
        let (acceptor, to) = (self.acceptor.clone(), self.ports[0]);
        self.story.push("started the web server".to_owned());
        self.web.spawn(async move {
            let mut guests = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                guests.spawn(async move {
                    let mut outer = acceptor.accept(stream).await.ok()?;
                    let mut inner = TcpStream::connect(("127.0.0.1", to)).await.ok()?;
                    copy_bidirectional(&mut outer, &mut inner).await.ok()
                });
            }
        });
    }
}

/// A time server that agrees with us.
async fn tell_time(socket: UdpSocket) {
    let mut packet = [0; 48];
    while let Ok((48, peer)) = socket.recv_from(&mut packet).await {
        let micros = SystemClock.now().micros();
        let seconds = u64::try_from(micros / 1_000_000).unwrap() + 2_208_988_800;
        let stamp = (seconds << 32).to_be_bytes();
        let mut reply = [0; 48];
        reply[0] = 0x24;
        reply[1] = 2;
        reply[24..32].copy_from_slice(&packet[40..48]);
        reply[32..40].copy_from_slice(&stamp);
        reply[40..48].copy_from_slice(&stamp);
        let _ = socket.send_to(&reply, peer).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_zone_becomes_green_by_following_the_printed_fixes() {
    let mut operator = Operator::new().await;
    let mut rounds = 0;
    loop {
        let (worst, text) = operator.check().await;
        if worst <= Level::Note {
            break;
        }
        rounds += 1;
        assert!(
            rounds <= 8,
            "still not green:\n{text}\n{}",
            operator.story.join("\n")
        );
        let done = operator.follow(&text).await;
        assert!(done > 0, "nothing printed can be followed:\n{text}");
    }
    println!(
        "green after {rounds} rounds:\n{}",
        operator.story.join("\n")
    );
    assert!(operator.story.len() > 10, "{:?}", operator.story);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_zone_alone_leaves_nothing_in_dns_to_mend() {
    let mut operator = Operator::new().await;
    operator.run("dkim new example.com");
    let zone = operator.run("dns example.com");
    operator.internet.publish_zone(&zone).unwrap();
    operator.serve().await;
    operator.open_web_server().await;
    let (worst, text) = operator.check().await;
    assert!(worst <= Level::Note, "{text}");
}
