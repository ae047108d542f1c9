// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.util.Map;

/**
 * One thread of a process in an image.
 *
 * @param name may be empty
 * @param pc where it stands
 * @param sp its stack pointer
 * @param syscall the system call that it was in; empty: none
 * @param where the file or region that it stands in and the offset there, such as "bank+0x12a9"; empty: unknown
 * @param registers by name, in the order of the machine
 */
public record ImageThread(
        int tid, String name, long pc, long sp, String syscall, String where, Map<String, Long> registers) {}
