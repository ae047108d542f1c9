// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/**
 * Whether a session takes a snapshot at every stop of its debugger.
 *
 * @param cap how many unnamed automatic snapshots are kept at most; the oldest go first
 */
public record AutoSettings(boolean enabled, int cap) {

    public static final AutoSettings OFF = new AutoSettings(false, 0);
}
