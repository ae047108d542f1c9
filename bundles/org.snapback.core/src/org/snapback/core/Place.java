// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/**
 * Where a program stood when its snapshot was taken.
 *
 * @param function empty: unknown
 * @param file as the debugger tells it; empty: unknown
 * @param line 0: unknown
 * @param address of the next instruction of the main thread; 0: unknown
 * @param reason why it stood there, such as "breakpoint 1" or "running"; may be empty
 */
public record Place(String function, String file, int line, long address, String reason) {

    public static final Place UNKNOWN = new Place("", "", 0, 0, "");

    /** The most that is known in few words: "deposit() bank.c:42", else the address, else nothing. */
    public String label() {
        String at = file.isEmpty() ? "" : fileName() + (line > 0 ? ":" + line : "");
        String in = function.isEmpty() ? "" : function + "()";
        if (!in.isEmpty() && !at.isEmpty()) {
            return in + " " + at;
        }
        if (!in.isEmpty() || !at.isEmpty()) {
            return in + at;
        }
        return address == 0 ? "" : "0x" + Long.toHexString(address);
    }

    private String fileName() {
        return file.substring(file.lastIndexOf('/') + 1);
    }
}
