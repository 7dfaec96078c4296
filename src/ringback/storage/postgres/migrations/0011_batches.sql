-- Claims are made in the transactions of batches. `batches.sql` follows.
do $$
declare
    old text;
begin
    for old in select oid::regprocedure::text from pg_proc
        where pronamespace = current_schema()::regnamespace
            and proname in ('read_batch', 'write_batch', 'ready_lanes', 'claim_from')
    loop
        execute 'drop function ' || old;
    end loop;
end $$;
