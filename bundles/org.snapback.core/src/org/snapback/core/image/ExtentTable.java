// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;

/**
 * Which pages of which space an image holds, and where: pages that lie together in one block, in ascending order of
 * space and address. An entry is decoded each time it is asked for.
 */
final class ExtentTable {

    private static final int AT_SPACE = 8;
    private static final int AT_PAGES = 12;
    private static final int AT_FILE = 16;
    private static final int AT_BLOCK = 20;
    private static final int AT_FIRST_PAGE = 24;
    private static final int AT_KIND = 28;

    private static final int ZERO = 0;
    private static final int DATA = 1;

    private final ByteBuffer table;
    private final int count;

    /** How many pages of data there are in all extents before that one. */
    private final long[] dataBefore;

    /**
     * @param ancestors how many other files extents may name
     * @throws ImageFormatException if one is not sound
     */
    ExtentTable(byte[] table, BlockTable blocks, int ancestors, Path file) throws ImageFormatException {
        this.table = ByteBuffer.wrap(table).order(ByteOrder.LITTLE_ENDIAN);
        this.count = table.length / ImageHeader.EXTENT_BYTES;
        this.dataBefore = new long[count + 1];
        for (int extent = 0; extent < count; extent++) {
            if (!isSound(extent, blocks, ancestors) || extent > 0 && !follows(extent - 1, extent)) {
                throw new ImageFormatException(file, "is damaged: entry " + extent + " of its extents is not sound");
            }
            dataBefore[extent + 1] = dataBefore[extent] + (isZero(extent) ? 0 : pages(extent));
        }
    }

    int count() {
        return count;
    }

    private int number(int extent, int at) {
        return table.getInt(extent * ImageHeader.EXTENT_BYTES + at);
    }

    long start(int extent) {
        return table.getLong(extent * ImageHeader.EXTENT_BYTES);
    }

    long pages(int extent) {
        return Integer.toUnsignedLong(number(extent, AT_PAGES));
    }

    /** As unsigned. */
    long end(int extent) {
        return start(extent) + pages(extent) * ImageHeader.PAGE;
    }

    /** Of another image that this one builds on. */
    boolean isReferred(int extent) {
        return number(extent, AT_FILE) != 0;
    }

    boolean isZero(int extent) {
        return number(extent, AT_KIND) == ZERO;
    }

    private int space(int extent) {
        return number(extent, AT_SPACE);
    }

    private boolean isSound(int extent, BlockTable blocks, int ancestors) {
        boolean place = start(extent) % ImageHeader.PAGE == 0
                && pages(extent) > 0
                && Long.compareUnsigned(end(extent), start(extent)) > 0
                && space(extent) != 0;
        return place && switch (number(extent, AT_KIND)) {
            case ZERO -> number(extent, AT_FILE) == 0 && number(extent, AT_BLOCK) == 0 && number(extent, AT_FIRST_PAGE) == 0;
            case DATA -> isData(extent, blocks, ancestors);
            default -> false;
        };
    }

    private boolean isData(int extent, BlockTable blocks, int ancestors) {
        int file = number(extent, AT_FILE);
        int block = number(extent, AT_BLOCK);
        int first = number(extent, AT_FIRST_PAGE);
        if (first < 0 || first >= BlockTable.PAGES_MAX || file < 0 || file > ancestors || block < 0) {
            return false;
        }
        if (file > 0) {
            return first + pages(extent) <= BlockTable.PAGES_MAX;
        }
        return block < blocks.count() && first + pages(extent) <= blocks.pages(block);
    }

    private boolean follows(int before, int after) {
        int spaces = Integer.compareUnsigned(space(before), space(after));
        return spaces < 0 || spaces == 0 && Long.compareUnsigned(end(before), start(after)) <= 0;
    }

    /** How many pages of a part of a space hold data, here or in an ancestor. */
    long dataPages(int space, long start, long end) {
        int first = firstBehind(space, start);
        int last = firstBehind(space, end);
        long pages = dataBefore[last] - dataBefore[first];
        if (first < last) {
            pages -= cut(first, start(first), start);
        }
        if (last < count && space(last) == space) {
            long from = Long.compareUnsigned(start(last), start) > 0 ? start(last) : start;
            pages += cut(last, from, end);
        }
        return pages;
    }

    /** The pages of an extent of data that lie between two addresses; 0: the second comes first. */
    private long cut(int extent, long from, long to) {
        boolean some = !isZero(extent) && Long.compareUnsigned(from, to) < 0;
        return some ? Long.divideUnsigned(to - from, ImageHeader.PAGE) : 0;
    }

    /** The first extent of that space that ends behind the address, or where it would stand. */
    private int firstBehind(int space, long address) {
        int low = 0;
        int high = count;
        while (low < high) {
            int middle = (low + high) >>> 1;
            int spaces = Integer.compareUnsigned(space(middle), space);
            boolean before = spaces < 0 || spaces == 0 && Long.compareUnsigned(end(middle), address) <= 0;
            low = before ? middle + 1 : low;
            high = before ? high : middle;
        }
        return low;
    }
}
