-- Addresses in SQL, the same as `Address::parse` and `Address::key` in Rust; a property test holds them together.
-- The plain ASCII case is one inlined expression; everything else takes the slow path.

-- One label of a domain in its ASCII form (RFC 3492), or null where no such label may exist.
create function postrider.punycode(label text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    points int[] := array(select ascii(c) from unnest(string_to_array(label, null)) as c);
    plain text := regexp_replace(label, '[^\x01-\x7f]', '', 'g');
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    answer text := plain || case when plain = '' then '' else '-' end;
    handled int := length(plain);
    n int := 128;
    delta bigint := 0;
    bias int := 72;
    first boolean := true;
    m int;
    p int;
    q bigint;
    k int;
    t int;
begin
    while handled < cardinality(points) loop
        m := (select min(x) from unnest(points) as x where x >= n);
        delta := delta + (m - n)::bigint * (handled + 1);
        n := m;
        foreach p in array points loop
            if p < n then
                delta := delta + 1;
            elsif p = n then
                q := delta;
                k := 36;
                loop
                    t := least(greatest(k - bias, 1), 26);
                    exit when q < t;
                    answer := answer || substr(digits, (t + (q - t) % (36 - t))::int + 1, 1);
                    q := (q - t) / (36 - t);
                    k := k + 36;
                end loop;
                answer := answer || substr(digits, q::int + 1, 1);
                bias := postrider.punycode_bias(delta, handled + 1, first);
                first := false;
                delta := 0;
                handled := handled + 1;
            end if;
        end loop;
        delta := delta + 1;
        n := n + 1;
    end loop;
    return 'xn--' || answer;
end
$$;

create function postrider.punycode_bias(delta bigint, points int, first boolean) returns int
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    d bigint := case when first then delta / 700 else delta / 2 end;
    k int := 0;
begin
    d := d + d / points;
    while d > 455 loop
        d := d / 35;
        k := k + 36;
    end loop;
    return k + (36 * d / (d + 38))::int;
end
$$;

-- The label that a punycode text stands for, or null where it is none.
create function postrider.unpunycode(code text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    digits constant text := 'abcdefghijklmnopqrstuvwxyz0123456789';
    cut int := length(code) - strpos(reverse(code), '-');
    answer text := case when strpos(code, '-') > 0 then left(code, cut) else '' end;
    rest text := case when strpos(code, '-') > 0 then substr(code, cut + 2) else code end;
    n bigint := 128;
    i bigint := 0;
    bias int := 72;
    first boolean := true;
    at int := 1;
    before bigint;
    w bigint;
    k int;
    t int;
    d int;
begin
    while at <= length(rest) loop
        before := i;
        w := 1;
        k := 36;
        loop
            d := strpos(digits, substr(rest, at, 1)) - 1;
            if at > length(rest) or d < 0 then return null; end if;
            at := at + 1;
            i := i + d * w;
            t := least(greatest(k - bias, 1), 26);
            exit when d < t;
            w := w * (36 - t);
            if i > 100000000 or w > 100000000 then return null; end if;
            k := k + 36;
        end loop;
        bias := postrider.punycode_bias(i - before, length(answer) + 1, first);
        first := false;
        n := n + i / (length(answer) + 1);
        i := i % (length(answer) + 1);
        if n > 1114111 or n between 55296 and 57343 then return null; end if;
        answer := overlay(answer placing chr(n::int) from i::int + 1 for 0);
        i := i + 1;
    end loop;
    return answer;
end
$$;

-- One lower-case label in ASCII form, or null. Letters, marks and digits of any script, and inner hyphens (RFC 5891 §4.2).
create function postrider.domain_label(label text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    ascii_form text := label;
    plain text := label;
begin
    if label like 'xn--%' then
        plain := postrider.unpunycode(substr(label, 5));
        -- A label that says it is encoded must be the encoding of something that needed it (RFC 5891 §5.4).
        if plain is null or plain !~ '[^\x01-\x7f]' or postrider.folded(plain) <> plain
            or postrider.punycode(plain) <> label then
            return null;
        end if;
    elsif label ~ '[^\x01-\x7f]' then
        ascii_form := postrider.punycode(label);
    end if;
    -- A combining mark may follow a letter; it may not lead the label.
    if length(ascii_form) between 1 and 63
        and plain collate "und-x-icu" ~ '^[[:alnum:]]([[:alnum:]\u0300-\u036f-]*[[:alnum:]\u0300-\u036f])?$' then
        return ascii_form;
    end if;
    return null;
end
$$;

-- What UTS #46 maps before it encodes: case, compatibility forms, full stops of other scripts. Sigma is lowered by itself,
-- because text rules would make a final one of it.
create function postrider.folded(domain text) returns text
language sql immutable strict parallel safe as $$
    select normalize(lower(normalize(translate(domain, U&'\03A3\3002\FF0E\FF61\00AD\200B', U&'\03C3...'), NFKC)
        collate "und-x-icu"), NFKC)
$$;

-- A host name of at least two labels in ASCII form, or null (RFC 5321 §4.1.2).
create function postrider.domain(given text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    labels text[] := string_to_array(postrider.folded(regexp_replace(given, '\.$', '')), '.');
    answer text[] := array(select postrider.domain_label(label) from unnest(labels) with ordinality as u (label, n) order by n);
    name text := array_to_string(answer, '.');
begin
    if cardinality(labels) < 2 or array_position(answer, null) is not null or length(name) > 253
        or answer[cardinality(answer)] ~ '^[0-9]+$' then
        return null;
    end if;
    return name;
end
$$;

-- `local@domain` with the domain in ASCII form, or null where no server could accept it. The slow, complete path.
create function postrider.any_address(given text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
declare
    at int := length(given) - strpos(reverse(given), '@') + 1;
    local_part text := left(given, at - 1);
    answer text;
begin
    -- RFC 5322 §3.2.3 dot-atom with RFC 6531's UTF-8; controls and spaces of any script stay out.
    if strpos(given, '@') = 0 or octet_length(local_part) > 64 or local_part = ''
        or local_part ~ '^\.|\.\.|\.$'
        or local_part ~ '[^A-Za-z0-9.!#$%&''*+/=?^_`{|}~\u00a1-\U0010ffff-]'
        or local_part ~ '[\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]' then
        return null;
    end if;
    answer := local_part || '@' || postrider.domain(substr(given, at + 1));
    return case when octet_length(answer) <= 254 then answer end;
end
$$;

-- The same, by one look for the addresses that nearly everybody has.
create function postrider.address(given text) returns text
language sql immutable parallel safe as $$
    select case
        when given ~ '^[A-Za-z0-9_+-]{1,32}(\.[A-Za-z0-9_+-]{1,31})?@([A-Za-z0-9]+(-[A-Za-z0-9]+)*\.){1,4}[A-Za-z]{2,12}$'
            and length(given) <= 64
        then split_part(given, '@', 1) || '@' || lower(split_part(given, '@', 2) collate "C")
        else postrider.any_address(given)
    end
$$;

-- Lower case by the rules of Unicode, whatever locale the database was made with.
create function postrider.lowered(given text) returns text
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp as $$
begin
    return lower(given collate "und-x-icu");
end
$$;

-- The form in which addresses are compared, suppressed and sharded: all lower case.
create function postrider.address_key(address text) returns text
language sql immutable parallel safe as $$
    select case
        when octet_length(address) = length(address) then lower(address collate "C")
        else postrider.lowered(regexp_replace(address, '@[^@]*$', '')) || substring(address from '@[^@]*$')
    end
$$;

create function postrider.shard(address_key text) returns smallint
language sql stable parallel safe as $$
    select get_byte(sha256(convert_to(address_key, 'UTF8')), 0)::smallint
$$;
