/* Delivery: how the events of each kind of handle run the script. Listed in
   kinds.c. */
#ifndef TL_DELIVER_H
#define TL_DELIVER_H

#include "lua/kinds.h"

tl_delivery tl__deliver_timer;
tl_delivery tl__deliver_sleep;
tl_delivery tl__deliver_task;
tl_delivery tl__deliver_watch;
tl_delivery tl__deliver_stream;
tl_delivery tl__deliver_listener;
tl_delivery tl__deliver_datagram;
tl_delivery tl__deliver_readiness;

#endif
