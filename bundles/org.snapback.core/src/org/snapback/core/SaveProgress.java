// SPDX-License-Identifier: EPL-2.0
package org.snapback.core;

/**
 * How far the saving of a snapshot has come.
 *
 * @param done bytes of memory
 * @param total 0: not known yet
 */
public record SaveProgress(long snapshot, long done, long total) {

    private static final int HUNDRED = 100;

    /** From 0 to 100. */
    public int percent() {
        return total <= 0 ? 0 : (int) Math.max(0, Math.min(HUNDRED, HUNDRED * ((double) done / total)));
    }
}
