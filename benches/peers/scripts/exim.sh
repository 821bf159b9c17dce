# Exim with its own DKIM signatures.
case $1 in
install) packages exim4-daemon-light ;;
version) versions exim4-daemon-light ;;
start)
    chown Debian-exim /etc/bench/dkim.pem
    chown Debian-exim:Debian-exim /var/spool/exim4
    cat > /etc/exim4/exim4.conf << END
primary_hostname = $BENCH_HOST
local_interfaces = 127.0.0.1
daemon_smtp_ports = 25
disable_ipv6 = true
host_lookup =
rfc1413_query_timeout = 0s
acl_smtp_rcpt = accept
split_spool_directory = true
# Every connection of the injector, with as many letters as it likes, each delivered at once.
smtp_accept_max = 100
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
never_users = root
begin routers
everybody:
  driver = dnslookup
  transport = out
  self = send
  no_more
begin transports
out:
  driver = smtp
  allow_localhost
  hosts_avoid_tls = *
  dkim_domain = $BENCH_DOMAIN
  dkim_selector = $BENCH_SELECTOR
  dkim_private_key = /etc/bench/dkim.pem
  dkim_canon = relaxed
  dkim_strict = true
begin retry
* * F,2h,1m
END
    chmod 644 /etc/exim4/exim4.conf
    exec exim4 -bdf -q1m
    ;;
esac
