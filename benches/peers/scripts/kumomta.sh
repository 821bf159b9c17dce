# KumoMTA as its owner has built it: POSTRIDER_KUMOD is the program. BENCH_VARIANT is `flush` or empty.
case $1 in
install) "$POSTRIDER_KUMOD" --version ;;
version) "$POSTRIDER_KUMOD" --version ;;
start)
    # Its usual fast spool syncs behind the acceptance; files with a flush are its way to keep what it accepted.
    kind=RocksDB flush=false
    [ "${BENCH_VARIANT:-}" != flush ] || kind=LocalDisk flush=true
    mkdir -p /var/log/kumomta
    cat > /etc/bench/init.lua << END
local kumo = require 'kumo'

kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '127.0.0.1:25',
    hostname = '$BENCH_HOST',
    relay_hosts = { '127.0.0.0/8' },
  }
  for _, name in ipairs { 'data', 'meta' } do
    kumo.define_spool {
      name = name,
      path = '/var/spool/kumomta/' .. name,
      kind = '$kind',
      flush = $flush,
    }
  end
  kumo.configure_local_logs { log_dir = '/var/log/kumomta' }
end)

kumo.on('smtp_server_message_received', function(msg)
  msg:dkim_sign(kumo.dkim.rsa_sha256_signer {
    domain = '$BENCH_DOMAIN',
    selector = '$BENCH_SELECTOR',
    header_canonicalization = 'Relaxed',
    body_canonicalization = 'Relaxed',
    headers = {
      'From', 'To', 'Subject', 'Date', 'Message-ID', 'MIME-Version', 'Content-Type',
      'List-Unsubscribe', 'List-Unsubscribe-Post',
    },
    key = '/etc/bench/dkim.pem',
  })
end)

kumo.on('get_egress_path_config', function()
  return kumo.make_egress_path { enable_tls = 'Disabled', prohibited_hosts = {} }
end)
END
    exec "$POSTRIDER_KUMOD" --policy /etc/bench/init.lua --user nobody
    ;;
esac
