// SPDX-License-Identifier: EPL-2.0
package org.snapback.core.image;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import java.io.IOException;
import java.nio.file.Path;
import org.snapback.core.image.schema.Image;

/** Decodes the metadata of an image, after it has seen that what they decode to is of a bounded size. */
final class MetadataReader {

    /** A field of two bytes can become an object of a hundred: so it is fields that are counted. */
    private static final int FIELDS_MAX = 1 << 21;

    private int fields;

    private MetadataReader() {}

    static Image read(byte[] bytes, Path file) throws ImageFormatException {
        try {
            new MetadataReader().count(CodedInputStream.newInstance(bytes), Image.getDescriptor());
            return Image.parseFrom(bytes);
        } catch (InvalidProtocolBufferException e) {
            throw new ImageFormatException(file, "is damaged: its metadata cannot be decoded");
        } catch (IOException e) {
            throw new ImageFormatException(file, "cannot be shown: " + e.getMessage());
        }
    }

    /** Walks the fields; messages nest as deep as the schema says, which knows no recursion. */
    private void count(CodedInputStream in, Descriptor type) throws IOException {
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            if (++fields > FIELDS_MAX) {
                throw new IOException("it describes too much; look at it by \"snapback inspect\"");
            }
            FieldDescriptor field = type.findFieldByNumber(WireFormat.getTagFieldNumber(tag));
            if (field != null && isMessage(field, tag)) {
                int outer = in.pushLimit(in.readRawVarint32());
                count(in, field.getMessageType());
                in.popLimit(outer);
            } else if (!in.skipField(tag)) {
                throw new InvalidProtocolBufferException("an end of a group stands where none was begun");
            }
        }
    }

    private static boolean isMessage(FieldDescriptor field, int tag) {
        return field.getJavaType() == FieldDescriptor.JavaType.MESSAGE
                && WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED;
    }
}
