# Postfix with OpenDKIM. BENCH_VARIANT is `tuned` or empty.
sign() {
    # shellcheck disable=SC2174
    mkdir -p -m 755 /run/opendkim
    chown opendkim /run/opendkim /etc/bench/dkim.pem
    cat > /etc/opendkim.conf << END
Syslog no
Mode s
Domain $BENCH_DOMAIN
Selector $BENCH_SELECTOR
KeyFile /etc/bench/dkim.pem
Canonicalization relaxed/relaxed
SignatureAlgorithm rsa-sha256
OversignHeaders From
Socket $1
UserID opendkim
UMask 000
PidFile /run/opendkim/opendkim.pid
END
    opendkim -x /etc/opendkim.conf
}

case $1 in
install) packages postfix opendkim ;;
version) versions postfix opendkim ;;
start)
    postconf -e "myhostname = $BENCH_HOST" 'mydestination =' 'relayhost =' \
        'inet_interfaces = 127.0.0.1' 'inet_protocols = ipv4' 'mynetworks = 127.0.0.0/8' \
        'maillog_file = /var/log/mail.log' 'milter_default_action = tempfail' \
        'smtpd_milters = inet:127.0.0.1:8891'
    if [ "${BENCH_VARIANT:-}" = tuned ]; then
        # More processes, more connections per destination at once and from the start, no pause for the injector,
        # connections kept for the next letter, no question that has no answer here, the milter by a socket without TCP.
        postconf -e 'default_process_limit = 200' 'initial_destination_concurrency = 20' \
            'default_destination_concurrency_limit = 50' 'in_flow_delay = 0' 'max_use = 10000' \
            'smtp_connection_cache_destinations = static:all' 'smtpd_peername_lookup = no' \
            'smtp_tls_security_level = none' 'smtpd_tls_security_level = none' \
            'smtpd_milters = unix:/bench/opendkim.sock'
        mkdir -p /var/spool/postfix/bench
        chmod 777 /var/spool/postfix/bench
        sign local:/var/spool/postfix/bench/opendkim.sock
    else
        sign inet:8891@127.0.0.1
    fi
    # Chrooted parts of Postfix look names up with the files below the spool.
    [ ! -x /usr/lib/postfix/configure-instance.sh ] || /usr/lib/postfix/configure-instance.sh -
    exec postfix start-fg
    ;;
esac
