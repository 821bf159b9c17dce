-- Retries and leases apart: whoever looks for claims that nobody renews any more reads the leased letters and no others, and
-- whoever looks for due letters meets no leased ones. Each row stands in exactly one of the three partial indexes, as before.
create index queue_due on postrider.queue (due_at) where lease_id is null and not ready;
create index queue_leased on postrider.queue (due_at, lease_id) where lease_id is not null;
drop index postrider.queue_waiting;
