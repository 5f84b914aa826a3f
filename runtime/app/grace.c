/* The grace of a stop: see grace.h. */
#include "app/grace.h"

static void set(tl_grace *grace, double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds};
    time.tv_nsec = (long)((seconds - (double)time.tv_sec) * 1e9);
    struct itimerspec setting = {.it_value = time, .it_interval = time};
    (void)timer_settime(grace->timer, 0, &setting, NULL);
    grace->seconds = seconds;
}

/* timer_create allocates nothing when it is to send a signal, so that a handler
   may call it; POSIX lists timer_settime among the functions for handlers. */
void tl_grace_begin(tl_grace *grace, int number, double seconds)
{
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL,
                             .sigev_signo = number,
                             .sigev_value.sival_ptr = grace};
    if (timer_create(CLOCK_MONOTONIC, &event, &grace->timer) != 0)
        return;
    set(grace, seconds);
    atomic_store(&grace->armed, true);
}

bool tl_grace_change(tl_grace *grace, double seconds)
{
    bool is_same = grace->seconds == seconds;
    if (!is_same)
        set(grace, seconds);
    return !is_same;
}

bool tl_grace_sent(const tl_grace *grace, const siginfo_t *info)
{
    return info->si_code == SI_TIMER && info->si_value.sival_ptr == grace;
}

void tl_grace_end(tl_grace *grace)
{
    if (atomic_exchange(&grace->armed, false))
        (void)timer_delete(grace->timer);
}
