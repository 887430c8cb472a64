/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify: telling the service manager, where there is one (NOTIFY_SOCKET), how we are. */
#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

void notify(const char *state); /* "READY=1", lines parted by \n; nothing without a manager */
void notify_reloading(void);    /* with the time that Type=notify-reload asks for */

#endif
