# Haraka from npm, one process per core, with its DKIM plugin.
home=/opt/haraka
case $1 in
install)
    mkdir -p $home
    cd $home
    npm install --no-audit --no-fund --omit=optional --prefix $home \
        Haraka@3.3.4 haraka-plugin-dkim@1.3.1 haraka-plugin-relay@1.0.2
    ;;
version)
    node -p "['Haraka', 'haraka-plugin-dkim'].map(name => name + ' ' + require('$home/node_modules/' + name + '/package.json').version).join(' ') + ' node ' + process.version"
    ;;
start)
    config=$home/config
    mkdir -p "$config/dkim/$BENCH_DOMAIN"
    # Its own files first: without them some of its settings are not there at all.
    cp -R $home/node_modules/Haraka/config/. $config/
    cp /etc/bench/dkim.pem "$config/dkim/$BENCH_DOMAIN/private"
    printf %s "$BENCH_SELECTOR" > "$config/dkim/$BENCH_DOMAIN/selector"
    echo "$BENCH_HOST" > $config/me
    printf 'relay\ndkim\n' > $config/plugins
    printf 'listen=127.0.0.1:25\nnodes=cpus\n' > $config/smtp.ini
    printf '[relay]\nacl=true\n' > $config/relay.ini
    printf '127.0.0.0/8\n' > $config/relay_acl_allow
    printf 'enable_tls=false\nlocal_mx_ok=true\n' > $config/outbound.ini
    printf '[main]\nlevel=notice\n' > $config/log.ini
    printf /var/spool/haraka > $config/queue_dir
    cat > $config/dkim.ini << END
[sign]
enabled=true
domain=$BENCH_DOMAIN
selector=$BENCH_SELECTOR
headers=From, Sender, Reply-To, Subject, Date, Message-ID, To, Cc, MIME-Version, Content-Type, Content-Transfer-Encoding, List-Unsubscribe, List-Unsubscribe-Post
[canon]
header=relaxed
body=relaxed
[verify]
enabled=false
END
    cd $home
    exec node $home/node_modules/Haraka/bin/haraka -c $home
    ;;
esac
