-- The role that the marketplace's own database user is granted. It may enqueue and read the feed, and nothing else: every
-- function it may call runs with the owner's rights and a fixed search path.

-- Roles belong to the whole cluster: another database, or another node at this very moment, may have made it already.
do $$
begin
    if not exists (select from pg_roles where rolname = 'postrider_enqueue') then
        create role postrider_enqueue nologin;
    end if;
exception
    when duplicate_object or unique_violation then null;
end
$$;

revoke all on all functions in schema postrider from public;
revoke all on schema postrider from public;
grant usage on schema postrider to postrider_enqueue;
grant execute on function postrider.enqueue(jsonb) to postrider_enqueue;
grant execute on function postrider.enqueue(jsonb[]) to postrider_enqueue;
grant execute on function postrider.feed(text, int) to postrider_enqueue;
