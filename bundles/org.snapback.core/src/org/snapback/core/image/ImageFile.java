// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.eclipse.core.runtime.IProgressMonitor;
import org.eclipse.core.runtime.SubMonitor;
import org.snapback.core.image.ImageHeader.TablePlace;

/**
 * An image as it was when it was read: its header, its tables and its metadata, all of them checked; memory stays in
 * the file. Whatever stands in a file, reading it ends in an image that is sound, or in an exception that says why not.
 */
public final class ImageFile {

    /** What the names of images end with. */
    public static final String EXTENSION = "snapback";

    private final Path file;
    private final ImageHeader header;
    private final BlockTable blocks;
    private final ExtentTable extents;
    private final ImageFacts facts;

    private ImageFile(Path file, ImageHeader header, FileChannel channel) throws IOException {
        this.file = file;
        this.header = header;
        byte[] metadata = table(channel, header.metadata(), 1, "its metadata");
        org.snapback.core.image.schema.Image image = MetadataReader.read(metadata, file);
        if (image.getProcessCount() == 0) {
            throw new ImageFormatException(file, "is damaged: there is no process in it");
        }
        this.blocks = new BlockTable(
                table(channel, header.blocks(), ImageHeader.BLOCK_BYTES, "its table of blocks"),
                header.extents().offset(),
                file);
        this.extents = new ExtentTable(
                table(channel, header.extents(), ImageHeader.EXTENT_BYTES, "its table of extents"),
                blocks,
                image.getAncestorCount(),
                file);
        this.facts = FactsReader.read(image, extents);
    }

    /**
     * Reads all but the memory; blocks as long as a disk does.
     *
     * @throws ImageFormatException if it is no image, or a damaged one
     * @throws IOException if it cannot be read
     */
    public static ImageFile read(Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new ImageFormatException(file, Files.exists(file) ? "is no image of Snapback" : "is not there any more");
        }
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            if (channel.size() < ImageHeader.BYTES) {
                throw new ImageFormatException(file, "is no image of Snapback");
            }
            ImageHeader header = ImageHeader.decode(bytes(channel, file, 0, ImageHeader.BYTES), file);
            if (header.bytes() != channel.size()) {
                throw new ImageFormatException(
                        file,
                        "is damaged: it has " + channel.size() + " bytes and should have "
                                + Long.toUnsignedString(header.bytes()));
            }
            return new ImageFile(file, header, channel);
        }
    }

    private byte[] table(FileChannel channel, TablePlace place, int entry, String name) throws IOException {
        byte[] bytes = bytes(channel, file, place.offset(), Math.toIntExact(place.count() * entry));
        if (XxHash64.of(bytes) != place.checksum()) {
            throw new ImageFormatException(file, "is damaged: " + name + " has another checksum");
        }
        return bytes;
    }

    private static byte[] bytes(FileChannel channel, Path file, long offset, int size) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(size);
        try {
            fill(channel, bytes, offset);
        } catch (EOFException e) {
            throw new ImageFormatException(file, "is damaged: it is shorter than its header says");
        }
        return bytes.array();
    }

    private static void fill(FileChannel channel, ByteBuffer bytes, long offset) throws IOException {
        while (bytes.hasRemaining()) {
            if (channel.read(bytes, offset + bytes.position()) < 0) {
                throw new EOFException();
            }
        }
    }

    public Path file() {
        return file;
    }

    /** Tells this image from every other, as 32 hexadecimal digits. */
    public String id() {
        return header.id();
    }

    /** The size of the file. */
    public long bytes() {
        return header.bytes();
    }

    public ImageFacts facts() {
        return facts;
    }

    /** The memory that it stands for. */
    public ImageMemory memory() {
        long data = 0;
        long referred = 0;
        long zero = 0;
        for (int extent = 0; extent < extents.count(); extent++) {
            long bytes = extents.pages(extent) * ImageHeader.PAGE;
            data += extents.isZero(extent) || extents.isReferred(extent) ? 0 : bytes;
            referred += extents.isReferred(extent) ? bytes : 0;
            zero += extents.isZero(extent) ? bytes : 0;
        }
        return new ImageMemory(data, referred, zero);
    }

    /**
     * Reads all blocks of this file and compares their checksums.
     *
     * @throws ImageFormatException if one is not what was written
     */
    public void verify(IProgressMonitor monitor) throws IOException {
        SubMonitor progress = SubMonitor.convert(monitor, blocks.count());
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            for (int block = 0; block < blocks.count(); block++) {
                byte[] stored = bytes(channel, file, blocks.offset(block), blocks.stored(block));
                if (XxHash64.of(stored) != blocks.checksum(block)) {
                    throw new ImageFormatException(file, "is damaged: block " + block + " has another checksum");
                }
                progress.split(1);
            }
        }
    }
}
