//! The bench's other processes: the receiver with its DNS, and the engine.
//!
//! Owns starting and stopping them: each is this very program with a role in its environment, says one line when it is
//! ready, and ends when its standard input does. Promises: engine, receiver and injector are processes of their own, so
//! that each one's cost can be read; the engine is put together as `postrider serve` does it.

use std::{
    env,
    io::{self, BufRead, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use postrider::{
    app::{desk, world::RealWorld},
    config::Config,
    engine::Engine,
    journal::FileJournal,
    metrics::Metrics,
    net::{Resolver, ResolverOptions, Tcp},
    sim::{Dialect, Plan, Sink, SinkPlan, SmallInternet, Temper, plan::ProviderPlan},
    store::PgStore,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::{Child, ChildStdin, ChildStdout, Command},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;

use crate::letters;

/// The networks of RFC 5737, from which the small internet gives addresses.
const NETWORKS: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// A domain whose host never greets.
pub(crate) const SILENT: &str = "silent.example.org";

/// The address of that host, outside those networks.
const SILENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

/// A process of the bench.
pub(crate) struct Role {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

/// What the receiver does to letters.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manners {
    /// Offers STARTTLS.
    pub(crate) starttls: bool,
    /// Waits before each reply, in milliseconds.
    pub(crate) latency: u64,
    /// Shares deferred and bounced.
    pub(crate) refused: (f64, f64),
}

/// Where a receiver listens.
pub(crate) struct Receiver {
    /// Its process.
    pub(crate) role: Role,
    /// Its SMTP socket.
    pub(crate) smtp: SocketAddr,
    /// Its name server.
    pub(crate) dns: SocketAddr,
    /// A socket that never says a word.
    pub(crate) silent: SocketAddr,
}

impl Role {
    async fn start(name: &str, variables: &[(&str, String)]) -> Result<(Self, String)> {
        let mut child = Command::new(env::current_exe()?)
            .env("BENCH_ROLE", name)
            .envs(variables.iter().map(|(key, value)| (*key, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = child.stdin.take().context("no standard input")?;
        let output = BufReader::new(child.stdout.take().context("no standard output")?);
        let mut role = Self {
            child,
            input,
            output,
        };
        let ready = role.hear().await?;
        Ok((role, ready))
    }

    /// The process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Says a line.
    pub(crate) async fn tell(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        Ok(self.input.flush().await?)
    }

    /// Hears a line.
    pub(crate) async fn hear(&mut self) -> Result<String> {
        let mut line = String::new();
        if self.output.read_line(&mut line).await? == 0 {
            bail!(
                "a process of the bench ended: {:?}",
                self.child.wait().await?
            );
        }
        Ok(line.trim_end().to_owned())
    }

    /// Asks it to end and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        drop(self.input);
        let status = self.child.wait().await?;
        if !status.success() {
            bail!("a process of the bench failed: {status}");
        }
        Ok(())
    }
}

impl Receiver {
    /// Starts a receiver.
    pub(crate) async fn start(manners: Manners) -> Result<Self> {
        let text = format!(
            "{} {} {} {}",
            manners.starttls, manners.latency, manners.refused.0, manners.refused.1
        );
        let (role, ready) = Role::start("sink", &[("BENCH_SINK", text)]).await?;
        let sockets: Vec<SocketAddr> = ready
            .split(' ')
            .map(|socket| socket.parse().context("the sink said no address"))
            .collect::<Result<_>>()?;
        let [smtp, dns, silent] = sockets[..] else {
            bail!("the sink said {ready}");
        };
        Ok(Self {
            role,
            smtp,
            dns,
            silent,
        })
    }

    /// Connections and letters it has taken.
    pub(crate) async fn tally(&mut self) -> Result<(u64, u64)> {
        self.role.tell("tally").await?;
        let line = self.role.hear().await?;
        let (connections, accepted) = line.split_once(' ').context("no tally")?;
        Ok((connections.parse()?, accepted.parse()?))
    }
}

/// Starts an engine that waits for the word `go`.
pub(crate) async fn engine(config: &Path, database: &str, to: &Receiver) -> Result<Role> {
    let variables = [
        ("BENCH_CONFIG", config.display().to_string()),
        ("DATABASE_URL", database.to_owned()),
        ("BENCH_SMTP", to.smtp.to_string()),
        ("BENCH_DNS", to.dns.to_string()),
        ("BENCH_SILENT", to.silent.to_string()),
    ];
    Ok(Role::start("engine", &variables).await?.0)
}

/// The receiver's process: a plain sink, and a name server that leads 200 domains to it.
pub(crate) async fn play_sink() -> Result<()> {
    let sink = Sink::start(sink_plan()?).await?;
    let internet = SmallInternet::start(domains()).await?;
    internet.publish_zone(&format!(
        "{SILENT}. 300 IN MX 10 mx.{SILENT}.\nmx.{SILENT}. 300 IN A {SILENT_ADDRESS}\n",
    ))?;
    // The system accepts connections on its behalf, and nobody ever greets.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await?;
    say(&format!(
        "{} {} {}",
        sink.address(),
        internet.dns(),
        silent.local_addr()?
    ))?;
    let mut orders = orders();
    while let Some(_tally) = orders.recv().await {
        let tally = sink.tally();
        say(&format!("{} {}", tally.connections, tally.accepted))?;
    }
    sink.stop().await;
    internet.stop().await;
    Ok(())
}

fn sink_plan() -> Result<SinkPlan> {
    let text = env::var("BENCH_SINK")?;
    let words: Vec<&str> = text.split(' ').collect();
    let [starttls, latency, deferred, bounced] = words[..] else {
        bail!("BENCH_SINK is not understood: {text}");
    };
    Ok(SinkPlan {
        starttls: starttls.parse()?,
        latency: Duration::from_millis(latency.parse()?),
        deferred: deferred.parse()?,
        bounced: bounced.parse()?,
        seed: 1,
        ..SinkPlan::default()
    })
}

/// Every domain with an MX host of its own, so that there are as many sites.
fn domains() -> Plan {
    let mut provider = ProviderPlan::new("everybody", Dialect::Postfix, Temper::generous());
    for number in 0..letters::DOMAINS {
        let domain = letters::domain(number);
        provider = provider.serving(&[&domain], &[&format!("mx.{domain}")]);
    }
    Plan::empty(1).with(provider)
}

/// The engine's process.
pub(crate) async fn play_engine() -> Result<()> {
    let config = Config::load(Path::new(&env::var("BENCH_CONFIG")?))?;
    let desk = desk::shared(&config)?;
    let url = config.database.url.as_ref().context("no DATABASE_URL")?;
    let store = PgStore::connect(url.expose().parse()?, config.database.connections).await?;
    let world = RealWorld {
        store: store.clone(),
        journal: FileJournal::create(&config.data_folder.join("journal"))?,
        dns: Resolver::new(&ResolverOptions {
            servers: vec![env::var("BENCH_DNS")?.parse()?],
            ..ResolverOptions::default()
        })?,
        dial: dial(
            env::var("BENCH_SMTP")?.parse()?,
            env::var("BENCH_SILENT")?.parse()?,
        ),
        watch: Arc::new(Metrics::new(&prometheus::Registry::new())?),
    };
    say("ready")?;
    let (mut orders, stop) = (orders(), CancellationToken::new());
    orders.recv().await;
    let mut running = JoinSet::new();
    running.spawn(Engine::new(Arc::new(world), desk).run(stop.clone()));
    while orders.recv().await.is_some() {}
    stop.cancel();
    running.join_all().await;
    store.close().await;
    Ok(())
}

/// Every address of the small internet stands for the sink, but for the one that never answers.
fn dial(sink: SocketAddr, silent: SocketAddr) -> Tcp {
    let hosts = |network: [u8; 3]| {
        (0..=u8::MAX).map(move |host| IpAddr::from([network[0], network[1], network[2], host]))
    };
    Tcp {
        reroute: NETWORKS
            .into_iter()
            .flat_map(hosts)
            .map(|address| (address, sink))
            .chain([(IpAddr::from(SILENT_ADDRESS), silent)])
            .collect(),
        only_reroute: true,
        ..Tcp::default()
    }
}

fn say(line: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    writeln!(output, "{line}")?;
    output.flush()
}

/// Lines of standard input; ends with it.
fn orders() -> tokio::sync::mpsc::Receiver<String> {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}
