/* Any bytes as an address's text: an accepted text means the same when it is
   written and read again, and a refused text leaves no trace. */
#include <errno.h>
#include <string.h>

#include "abi.h"
#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_format(const tl_address *address)
{
    char text[TL_ADDRESS_TEXT], host[TL_ADDRESS_TEXT];
    tl_endpoint again;
    tl_address numeric;
    int length = tl_address_format(address, text, sizeof text);
    TL_CHECK(length > 0, "an address has no text");
    TL_CHECK(tl_address_format(address, text, (size_t)length - 1) == -ENOSPC,
             "a text is written into too little room");
    TL_CHECK(tl_address_parse(text, (size_t)length, &again) == 0,
             "an address's own text is refused");
    TL_CHECK(again.kind == TL_ENDPOINT_ADDRESS, "a text of another kind");
    TL_CHECK(memcmp(&again.address, address, sizeof *address) == 0,
             "a text means another address");
    length = tl_address_host(address, host, sizeof host);
    if (tl_address_family(address) == TL_UNIX) {
        TL_CHECK(length == -EAFNOSUPPORT, "a unix: socket has a host");
        return;
    }
    TL_CHECK(tl_address_numeric(host, (size_t)length, tl_address_port(address),
                                &numeric) == 0,
             "a host's own text is refused");
    TL_CHECK(memcmp(&numeric, address, sizeof numeric) == 0,
             "host and port mean another address");
}

static void check_endpoint(const tl_endpoint *endpoint, const char *text,
                           size_t size)
{
    size_t end = (size_t)endpoint->host_start + endpoint->host_length;
    TL_CHECK(end <= size, "the host is outside the text");
    TL_CHECK(!memchr(text + endpoint->host_start, 0, endpoint->host_length),
             "a zero in a host's name");
    TL_CHECK(endpoint->port >= 0 && endpoint->port <= 65535, "port");
    switch (endpoint->kind) {
    case TL_ENDPOINT_ADDRESS:
        TL_CHECK(endpoint->host_length == 0, "an address with a name");
        check_format(&endpoint->address);
        break;
    case TL_ENDPOINT_NAME:
        TL_CHECK(endpoint->host_length > 0, "a name without a name");
        TL_CHECK(endpoint->host_length <= 254, "a name too long");
        TL_CHECK(text[end] == ':', "a name that goes on");
        break;
    case TL_ENDPOINT_ANY:
        TL_CHECK(text[0] == ':', "a host that is passed over");
        break;
    default:
        TL_CHECK(endpoint->kind == TL_ENDPOINT_FD, "no kind");
        TL_CHECK((endpoint->fd >= 0) == (endpoint->host_length == 0),
                 "a descriptor by number and by name");
    }
}

/* The bytes as the kernel might give them: nothing is read outside of them. */
static void check_raw(const uint8_t *data, size_t size)
{
    tl_address address = {.length = (uint32_t)size};
    char text[TL_ADDRESS_TEXT];
    if (size > sizeof address.bytes)
        return;
    memcpy(address.bytes, data, size);
    int length = tl_address_format(&address, text, sizeof text);
    TL_CHECK((length < 0) == (tl_address_family(&address) == 0),
             "a family without a text, or a text without a family");
    TL_CHECK(length != -ENOSPC, "TL_ADDRESS_TEXT is too small");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    tl_endpoint endpoint, before;
    memset(&endpoint, 0x5a, sizeof endpoint);
    before = endpoint;
    if (size > 0 && tl_address_parse(text, size, &endpoint) == 0)
        check_endpoint(&endpoint, text, size);
    else
        TL_CHECK(memcmp(&endpoint, &before, sizeof before) == 0,
                 "an error wrote an endpoint");
    check_raw(data, size);
    return 0;
}
