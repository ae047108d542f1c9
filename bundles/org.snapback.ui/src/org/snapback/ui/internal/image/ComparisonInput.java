// SPDX-License-Identifier: EPL-2.0
package org.snapback.ui.internal.image;

import java.nio.file.Path;
import java.util.List;
import org.eclipse.core.runtime.PlatformObject;
import org.eclipse.jface.resource.ImageDescriptor;
import org.eclipse.ui.IEditorInput;
import org.eclipse.ui.IPersistableElement;
import org.snapback.core.image.ImageDifference;
import org.snapback.core.image.ImageFacts;
import org.snapback.ui.internal.Images;
import org.snapback.ui.internal.Messages;

/** Two images and how they differ; the same for the same two files. */
public final class ComparisonInput extends PlatformObject implements IEditorInput {

    private final Path left;
    private final ImageFacts leftFacts;
    private final Path right;
    private final ImageFacts rightFacts;
    private final List<ImageDifference> differences;

    public ComparisonInput(
            Path left, ImageFacts leftFacts, Path right, ImageFacts rightFacts, List<ImageDifference> differences) {
        this.left = left;
        this.leftFacts = leftFacts;
        this.right = right;
        this.rightFacts = rightFacts;
        this.differences = List.copyOf(differences);
    }

    Path left() {
        return left;
    }

    Path right() {
        return right;
    }

    String leftLabel() {
        return leftFacts.label();
    }

    String rightLabel() {
        return rightFacts.label();
    }

    List<ImageDifference> differences() {
        return differences;
    }

    @Override
    public String getName() {
        return Messages.bind(Messages.compareName, leftLabel(), rightLabel());
    }

    @Override
    public String getToolTipText() {
        return Messages.bind(Messages.compareName, left, right);
    }

    @Override
    public boolean exists() {
        return false;
    }

    @Override
    public ImageDescriptor getImageDescriptor() {
        return Images.IMAGE.descriptor();
    }

    /** A comparison is of its moment. */
    @Override
    public IPersistableElement getPersistable() {
        return null;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof ComparisonInput input && left.equals(input.left) && right.equals(input.right);
    }

    @Override
    public int hashCode() {
        return 31 * left.hashCode() + right.hashCode();
    }
}
