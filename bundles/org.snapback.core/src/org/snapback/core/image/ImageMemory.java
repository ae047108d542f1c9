// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

/**
 * How much memory an image stands for, in bytes.
 *
 * @param stored in its own file, before packing
 * @param referred in images that it builds on
 * @param zero known to be zero, and so not stored
 */
public record ImageMemory(long stored, long referred, long zero) {

    public long total() {
        return stored + referred + zero;
    }
}
