// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

import java.util.Set;

/** Turns the native program's errors, written for a shell, into sentences for a dialog. */
public final class Sentence {

    /** Names that are written small wherever they stand. */
    private static final Set<String> SMALL = Set.of("gdb", "snapback", "execve", "perf", "userfaultfd", "pidfd");

    private static final String ENDS = ".!?";

    private Sentence() {}

    /** With a capital letter at the beginning, unless a name stands there, and a full stop at the end. */
    public static String of(String text) {
        String plain = text.strip();
        if (plain.isEmpty()) {
            return plain;
        }
        String first = plain.split("\\s", 2)[0];
        boolean word = first.chars().allMatch(Character::isLowerCase) && !SMALL.contains(first);
        String begun = word ? Character.toUpperCase(plain.charAt(0)) + plain.substring(1) : plain;
        return ENDS.indexOf(begun.charAt(begun.length() - 1)) >= 0 ? begun : begun + ".";
    }
}
