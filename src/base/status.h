/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status: how an operation of ours went, where the only question is whether it did.
 *
 * What the world answers (a name is listed, a recipient unknown) is an enum of its own instead;
 * a bug is a panic. errno holds the cause after STATUS_FAILED unless the function says otherwise,
 * and does not survive a wait.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
	STATUS_OK,
	STATUS_FAILED,
};

#define MUST_USE __attribute__((warn_unused_result))

#endif
