/* Has a program that would listen on every address of its machine listen on one: COTEJO_LISTEN_ADDRESS (IPv4).

   To be preloaded (LD_PRELOAD), for programs such as Ray that can't be told an address for each of their sockets. Where
   it can't be done the port is refused: a program that doesn't start is better than one that anybody can reach.
   It asks the kernel itself, so that it fits whatever C library the program has. */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_storage room;
};

static int is_tcp(int descriptor) {
    int type = 0;
    socklen_t length = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

/* Whether an address stands for all of them, written as either protocol does, or as IPv4 within IPv6. */
static int is_every(const union address *address) {
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (address->any.sa_family == AF_INET)
        return address->v4.sin_addr.s_addr == htonl(INADDR_ANY);
    if (address->any.sa_family != AF_INET6)
        return 0;
    const unsigned char *bytes = address->v6.sin6_addr.s6_addr;
    static const unsigned char none[4];
    return IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)
        || (memcmp(bytes, mapped, 12) == 0 && memcmp(bytes + 12, none, 4) == 0);
}

/* Puts the one address in the place of all; 0 where there is none, or the socket takes IPv6 alone. */
static int confine(int descriptor, union address *address) {
    struct in_addr only;
    const char *text = getenv("COTEJO_LISTEN_ADDRESS");
    if (!text || inet_pton(AF_INET, text, &only) != 1)
        return 0;
    if (address->any.sa_family == AF_INET) {
        address->v4.sin_addr = only;
        return 1;
    }
    int alone = 0;
    socklen_t length = sizeof alone;
    if (getsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &alone, &length) != 0 || alone)
        return 0;
    unsigned char *bytes = address->v6.sin6_addr.s6_addr;
    memset(bytes, 0, 10);
    memset(bytes + 10, 0xff, 2);
    memcpy(bytes + 12, &only, 4);
    return 1;
}

int bind(int descriptor, const struct sockaddr *given, socklen_t length) {
    union address address;
    if (!given || length > sizeof address || !is_tcp(descriptor))
        return (int)syscall(SYS_bind, descriptor, given, length);
    memset(&address, 0, sizeof address);
    memcpy(&address, given, length);
    if (is_every(&address) && !confine(descriptor, &address)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return (int)syscall(SYS_bind, descriptor, &address, length);
}

/* A socket that was never bound would listen everywhere. */
int listen(int descriptor, int backlog) {
    union address address;
    socklen_t length = sizeof address;
    if (getsockname(descriptor, &address.any, &length) == 0 && is_every(&address)) {
        errno = EADDRNOTAVAIL;
        return -1;
    }
    return (int)syscall(SYS_listen, descriptor, backlog);
}
