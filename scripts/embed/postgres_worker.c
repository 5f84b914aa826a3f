/* A PostgreSQL background worker: its wait for the process's latch has tl_fd in
   it, and a script has timers, tasks and sockets, and runs SQL by
   sql(command, parameters...):
       cc -shared -fPIC -isystem $(pg_config --includedir-server) \
           postgres_worker.c $(pkg-config --cflags --libs timerlua) \
           -o timerlua_worker.so
   PostgreSQL 15 or later; in postgresql.conf:
       dynamic_library_path = 'the folder of timerlua_worker.so:$libdir'
       shared_preload_libraries = 'timerlua_worker'
       timerlua.script = 'the path of postgres_jobs.lua'
   A callback of the runtime must not be left by one of PostgreSQL's errors, so
   it keeps the error, which is raised after the step. */
#include "postgres_sql.h"

#include <miscadmin.h>
#include <postmaster/bgworker.h>
#include <postmaster/interrupt.h>
#include <storage/ipc.h>
#include <storage/latch.h>
#include <timerlua.h>
#include <utils/guc.h>

enum { BUDGET_NS = 10000000, RESTART_S = 1 };

PG_MODULE_MAGIC;
PGDLLEXPORT void _PG_init(void);
PGDLLEXPORT void timerlua_worker_main(Datum argument);

static char *script, *database;
static ErrorData *pending;

/* Even a message may end in a jump: a request to cancel is looked for here. */
static void tell(tl_runtime *runtime, const char *text, size_t length,
                 void *data)
{
    (void)runtime, (void)data;
    PG_TRY();
    {
        ereport(LOG, (errmsg("timerlua: %.*s", (int)length, text)));
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(TopMemoryContext);
        pending = CopyErrorData();
        FlushErrorState();
    }
    PG_END_TRY();
}

static tl_runtime *open_runtime(void)
{
    tl_config config = {
        .size = sizeof config, .on_error = tell, .on_log = tell};
    tl_runtime *runtime = tl_new(&config);
    if (runtime == NULL)
        ereport(FATAL, (errmsg("timerlua: %m")));
    lua_register(tl_lua(runtime), "sql", sql);
    if (tl_load_file(runtime, script) < 0)
        ereport(FATAL, (errmsg("timerlua: %s", tl_error(runtime))));
    return runtime;
}

/* At a shutdown, the script's stop handlers still run. */
static void run(tl_runtime *runtime)
{
    int state = TL_IDLE;
    while (state >= 0 && state != TL_DONE) {
        (void)WaitLatchOrSocket(
            MyLatch, WL_LATCH_SET | WL_SOCKET_READABLE | WL_EXIT_ON_PM_DEATH,
            tl_fd(runtime), -1, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        CHECK_FOR_INTERRUPTS();
        if (ShutdownRequestPending)
            (void)tl_stop(runtime, 0);
        ShutdownRequestPending = false;
        state = tl_step(runtime, BUDGET_NS);
        if (pending != NULL)
            ReThrowError(pending);
    }
    if (state < 0)
        ereport(FATAL, (errmsg("timerlua: %s", tl_error(runtime))));
}

/* After status 0, the worker has ended for good; after 1, it begins again. To
   the postmaster, any other status is a crash of the whole server. */
void timerlua_worker_main(Datum argument)
{
    tl_runtime_stats stats = {0};
    (void)argument;
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    BackgroundWorkerUnblockSignals();
    BackgroundWorkerInitializeConnection(database, NULL, 0);
    result.memory = AllocSetContextCreate(TopMemoryContext, "timerlua",
                                          ALLOCSET_DEFAULT_SIZES);
    tl_runtime *runtime = open_runtime();
    run(runtime);
    (void)tl_stats(runtime, &stats, sizeof stats);
    tl_free(runtime);
    if (stats.status != 0)
        ereport(LOG, (errmsg("timerlua: the script ended with status %d",
                             stats.status)));
    proc_exit(stats.status == 0 ? 0 : 1);
}

void _PG_init(void)
{
    BackgroundWorker worker = {.bgw_name = "timerlua",
                               .bgw_type = "timerlua",
                               .bgw_library_name = "timerlua_worker",
                               .bgw_function_name = "timerlua_worker_main",
                               .bgw_flags =
                                   BGWORKER_SHMEM_ACCESS |
                                   BGWORKER_BACKEND_DATABASE_CONNECTION,
                               .bgw_start_time = BgWorkerStart_RecoveryFinished,
                               .bgw_restart_time = RESTART_S};
    DefineCustomStringVariable("timerlua.script", "The path of the script.",
                               NULL, &script, "", PGC_POSTMASTER, 0, NULL, NULL,
                               NULL);
    DefineCustomStringVariable("timerlua.database", "The script's database.",
                               NULL, &database, "postgres", PGC_POSTMASTER, 0,
                               NULL, NULL, NULL);
    RegisterBackgroundWorker(&worker);
}
